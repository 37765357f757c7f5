# Shared by containerd.sh and podman.sh: a scratch host for a real client, and the checks that are the same for both.
# The scratch host is a network, mount and pid namespace: private /run, overlays over /etc, /opt and /var/lib, so that nothing
# outside is touched and every process and mount dies with it. Beyond its `uplink0` lies the namespace `lan` (lan.sh).
set -uo pipefail
. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lan.sh"
export PATH=$PATH:/usr/sbin:/sbin

failed=0
ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; failed=1; }
skip() { echo "skipped - $*"; exit 77; }
check() { # TEXT COMMAND... : one line; the command's output is shown only when it fails
  local text=$1 output; shift
  if output=$("$@" 2>&1); then ok "$text"; else not_ok "$text"; sed 's/^/    /' <<< "$output"; fi
}
check_equal() { # TEXT WANTED GOT
  if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1"; printf '    wanted: %s\n    got:    %s\n' "$2" "$3"; fi
}

# enter_scratch_host CLIENT PLUGIN CONFLIST: runs the calling script again inside, where this returns with
# $scratch (a directory), $plugin and $conflist set.
enter_scratch_host() {
  if [ -z "${TRESTLE_E2E_INSIDE-}" ]; then
    [ $# = 3 ] || { echo "usage: $0 PLUGIN CONFLIST" >&2; exit 2; }
    command -v "$1" > /dev/null || skip "$1 is not installed"
    command -v busybox > /dev/null || skip "busybox is not installed"
    [ "$(id -u)" = 0 ] || skip "needs root"
    [ -x "$2" ] || { echo "$0: no plugin at $2" >&2; exit 1; }
    TRESTLE_E2E_INSIDE=$(readlink /proc/self/ns/net) \
      exec unshare --net --mount --pid --fork --mount-proc --kill-child "$0" "$(realpath "$2")" "$(realpath "$3")"
  fi
  [ "$(readlink /proc/self/ns/net)" != "$TRESTLE_E2E_INSIDE" ] || { echo "$0: still in the caller's network" >&2; exit 1; }
  # The plugin may lie below what is about to be covered.
  exec 3< "$2" 4< "$3"
  mount -t tmpfs tmpfs /run
  scratch=/run/e2e
  mkdir -p $scratch/bin /run/netns /run/lock
  local dir name
  for dir in /etc /opt /var/lib; do
    name=$scratch/overlay${dir//\//_}
    mkdir -p "$name/upper" "$name/work"
    mount -t overlay overlay -o "lowerdir=$dir,upperdir=$name/upper,workdir=$name/work" "$dir"
  done
  plugin=$scratch/bin/$(basename "$2") conflist=$scratch/net.conflist
  cat <&3 > "$plugin"; cat <&4 > $conflist; chmod 755 "$plugin"
  exec 3<&- 4<&-
  rm -rf /etc/cni/net.d /opt/cni /var/lib/cni
  mkdir -p /etc/cni/net.d /opt/cni/bin
  # A reference plugin brings its companions; trestle needs nobody.
  case $plugin in */trestle) ;; *) cp -n "$(dirname "$2")"/* /opt/cni/bin/ ;; esac
  cp "$plugin" /opt/cni/bin/
  cp $conflist /etc/cni/net.d/10-e2e.conflist
  make_lan $scratch/www || { echo "$0: cannot make the LAN" >&2; exit 1; }
  make_rootfs
  # The one thing that is not in a namespace of ours: named after nobody else's, and taken away at the end.
  cgroup=trestle-e2e-$RANDOM$RANDOM
  trap 'find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} + 2> /dev/null' EXIT
}

# A root file system of one static busybox.
make_rootfs() {
  rootfs=$scratch/rootfs
  mkdir -p $rootfs/{bin,dev,etc,proc,run,sys,tmp}
  cp "$(command -v busybox)" $rootfs/bin/busybox
  local applet
  for applet in sh timeout ip ping ping6 wget sleep nc cat; do ln -s busybox "$rootfs/bin/$applet"; done
  echo 'root:x:0:0:root:/:/bin/sh' > $rootfs/etc/passwd
}

# Everything of the network that a client or a plugin could leave behind, as text.
leftovers() {
  echo "links:"; ip -o link | cut -d: -f2 | sort
  echo "addresses:"; ip -o addr show | awk '{print $2, $4}' | grep -v ' fe80:' | sort
  echo "routes:"; ip route; ip -6 route | grep -v '^fe80'
  echo "rules:"; ip rule; ip -6 rule
  echo "nft:"; nft list ruleset 2>&1
  echo "netns:"; ls /run/netns
  local state=${TRESTLE_STATE_DIR:-/run/trestle}
  echo "records and parts:"; find $state/records $state/switches -mindepth 1 2> /dev/null
  echo "reference leases:"; find /var/lib/cni /run/cni -type f 2> /dev/null | grep -E '/networks/.*/[0-9a-f.:]+$'
  echo "sysctl files:"; ls /run/sysctl.d 2> /dev/null
}

# check_network WHAT COMMAND... : what must work inside the container, where `COMMAND... sh -c …` runs.
check_network() {
  local gateway seen family url want
  check "$1: eth0 is up" "${@:2}" ip link show dev eth0 up
  for family in 4 6; do
    # Only the families that the network has.
    "${@:2}" ip -$family -o addr show dev eth0 scope global 2> /dev/null | grep -q inet || continue
    gateway=$("${@:2}" ip -$family route show default 2> /dev/null | awk '{for (i = 1; i < NF; i++) if ($i == "via") print $(i + 1)}' | head -1)
    check "$1: IPv$family: the gateway ${gateway:-(none)} answers" "${@:2}" ping -$family -c 1 -W 3 "$gateway"
    case $family in 4) url=$whoami4 want=192.0.2.1 ;; 6) url=$whoami6 want=2001:db8::1 ;; esac
    # Not `wget -T`: that of Debian's busybox-static dies of SIGSEGV.
    seen=$("${@:2}" timeout 5 wget -q -O - "$url" 2>&1)
    check_equal "$1: IPv$family: a server outside is reached and sees the host" $want "$seen"
  done
}

check_nothing_left() {
  check_equal "nothing is left behind" same "$(diff <(echo "$before") <(leftovers) > $scratch/left && echo same || { echo; cat $scratch/left; })"
}
