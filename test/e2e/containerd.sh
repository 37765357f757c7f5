#!/bin/bash
# A container started by containerd (`ctr run --cni`) on a CNI network, in a scratch host of its own.
# usage: test/e2e/containerd.sh PLUGIN CONFLIST      exit 0 all passed, 1 not, 77 cannot run here
. "$(dirname "$(realpath "$0")")/lib.sh"
enter_scratch_host containerd "$@"

mkdir -p $scratch/containerd
cat > $scratch/containerd/config.toml << T
version = 2
root = "$scratch/containerd/root"
state = "$scratch/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "$scratch/containerd/socket"
T
containerd --config $scratch/containerd/config.toml > $scratch/containerd/log 2>&1 &
ctr() { command ctr --address $scratch/containerd/socket "$@"; }
if ! eventually ctr version; then
  not_ok "containerd starts"; tail -20 $scratch/containerd/log; exit 1
fi
before=$(leftovers)

start() { # NAME: a container that sleeps, on the network; returns when it runs
  ctr run --rm --cni --env PATH=/bin --cgroup "/$cgroup/$1" --rootfs $rootfs "$1" sleep 1000 > "$scratch/$1.log" 2>&1 &
  eventually running "$1" || { not_ok "$1 starts"; cat "$scratch/$1.log"; exit 1; }
  ok "$1 starts"
}
running() { ctr task exec --exec-id "probe$RANDOM" "$1" ip link show dev eth0; }
inside() { ctr task exec --exec-id "exec$RANDOM$RANDOM" "$@"; }
stop() {
  ctr task kill --signal SIGKILL "$1"
  eventually absent "$1" || not_ok "$1 is removed"
}
absent() { [ -z "$(ctr container ls -q "id==$1")" ] && ! pgrep -f "ctr.* run .* $1 " > /dev/null; }

start first
start second
check_network first inside first
check_network second inside second
address=$(inside second ip -4 -o addr show dev eth0 | awk '{sub("/.*", "", $4); print $4; exit}')
check "first reaches second at ${address:-(none)}" inside first ping -c 1 -W 3 "$address"
stop first
check_network "second, alone" inside second
stop second
check_equal "the client reports no error" "" "$(cat $scratch/first.log $scratch/second.log)"
check_nothing_left
exit $failed
