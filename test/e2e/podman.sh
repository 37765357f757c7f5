#!/bin/bash
# A container started by podman with its CNI backend on a CNI network, in a scratch host of its own.
# usage: test/e2e/podman.sh PLUGIN CONFLIST      exit 0 all passed, 1 not, 77 cannot run here
. "$(dirname "$(realpath "$0")")/lib.sh"
enter_scratch_host podman "$@"

# crun refuses the hybrid cgroup hierarchies that some hosts still have; runc does not.
command -v runc > /dev/null && runtime=runc || runtime=crun
cat > $scratch/containers.conf << T
[containers]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
runtime = "$runtime"
events_logger = "file"
[network]
network_backend = "cni"
cni_plugin_dirs = ["/opt/cni/bin"]
network_config_dir = "/etc/cni/net.d"
T
cat > $scratch/storage.conf << T
[storage]
driver = "vfs"
graphroot = "$scratch/storage"
runroot = "$scratch/runroot"
T
export CONTAINERS_CONF=$scratch/containers.conf CONTAINERS_STORAGE_CONF=$scratch/storage.conf
network=$(sed -n 's/^ *"name": *"\([^"]*\)".*/\1/p' $conflist | head -1)
before=$(leftovers)

start() { # NAME: a container that sleeps, on the network; returns when it runs
  if podman run -d --name "$1" --network "$network" --cgroup-parent "/$cgroup" --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 \
    --cap-add NET_RAW --rootfs $rootfs sleep 1000 > "$scratch/$1.log" 2>&1; then ok "$1 starts"
  else not_ok "$1 starts"; cat "$scratch/$1.log"; exit 1; fi
}
inside() { podman exec "$@"; }
stop() { check "$1 is removed" podman rm -f -t 0 "$1"; }

start first
start second
check_network first inside first
check_network second inside second
address=$(inside second ip -4 -o addr show dev eth0 | awk '{sub("/.*", "", $4); print $4; exit}')
check "first reaches second at ${address:-(none)}" inside first ping -c 1 -W 3 "$address"
stop first
check_network "second, alone" inside second
check "second is stopped and started again" podman restart -t 0 second
check_network "second, restarted" inside second
stop second
check_nothing_left
exit $failed
