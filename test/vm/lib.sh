# Shared by the tests with real guests: Debian's kernel with a small busybox system, started by QEMU (emulated, no KVM) as uid 107 without
# capabilities inside a pod's namespace, on the TAP that Trestle made there, as virt-launcher does. Sourced by each case, which runs in a scratch
# host of its own (network, mount and pid namespace, private /run) with the LAN of test/e2e/lan.sh.
# From hack/guests: TRESTLE_PLUGIN, GUEST_KERNEL, GUEST_INITRD.
set -uo pipefail
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
. "$here/../e2e/lan.sh"
readonly uid=107

failed=0
ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; failed=1; }
check() { # TEXT COMMAND...: its output is shown only when it fails
  local text=$1 output; shift
  if output=$("$@" 2>&1); then ok "$text"; else not_ok "$text"; sed 's/^/    /' <<< "$output"; fi
}
check_not() { # TEXT COMMAND...
  local text=$1 output; shift
  if output=$("$@" 2>&1); then not_ok "$text"; sed 's/^/    /' <<< "$output"; else ok "$text"; fi
}
die() { not_ok "$*"; exit 1; }

# A /dev/net/tun that uid 107 may open, as a device plugin gives it to virt-launcher; the host's own stays as it is.
open_tun() { mkdir -p /run/dev/net && mknod /run/dev/net/tun c 10 200 && chmod 666 /run/dev/net/tun && mount --bind /run/dev/net/tun /dev/net/tun; }

enter_scratch_host() { # "$@" of the script: runs it again inside
  if [ -z "${TRESTLE_GUESTS_INSIDE-}" ]; then
    TRESTLE_GUESTS_INSIDE=$(readlink /proc/self/ns/net) exec unshare --net --mount --pid --fork --mount-proc --kill-child "$0" "$@" < /dev/null
  fi
  [ "$(readlink /proc/self/ns/net)" != "$TRESTLE_GUESTS_INSIDE" ] || die "still in the caller's network"
  mount -t tmpfs tmpfs /run
  mkdir -p /run/netns /run/guest
  mkdir -m 1777 /run/sock # for QEMU, which is nobody here; two tests in /tmp had one name once
  open_tun
  make_lan /run/www || die "the LAN cannot be made"
  dd if=/dev/urandom of=/run/www/blob bs=1M count=4 2> /dev/null
}

pod() { ip netns add "$1" && ip -n "$1" link set lo up; }
cni() { # VERB NETNS CONF [IFNAME [CNI_ARGS]]: the result goes to stdout
  CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=/run/netns/$2 CNI_IFNAME=${4:-eth0} CNI_ARGS=${5-} CNI_PATH=/nowhere "$TRESTLE_PLUGIN" <<< "$3"
}
address() { jq -r --arg f "$2" '[.ips[].address | select(($f == "6") == contains(":"))][0]' <<< "$1"; } # RESULT FAMILY: with its length
bare() { echo "${1%/*}"; }
guest_mac() { jq -r --arg n "${2:-eth0}" '[.interfaces[] | select(.name == $n and .sandbox)][0].mac' <<< "$1"; } # RESULT [IFNAME]

# start NETNS "WORDS FOR THE GUEST" QEMU-ARGUMENTS...: in the background; what the guest says goes to /run/guest/NETNS.log
start() {
  local netns=$1 words=$2
  : > "/run/guest/$netns.log"
  ip netns exec "$netns" setpriv --reuid $uid --regid $uid --clear-groups --bounding-set -all --inh-caps=-all \
    qemu-system-x86_64 -M q35 -accel tcg -cpu max -m 160 -nographic -no-reboot -nodefaults -serial stdio \
    -kernel "$GUEST_KERNEL" -initrd "$GUEST_INITRD" -append "console=ttyS0 quiet panic=-1 mitigations=off $words" "${@:3}" \
    < /dev/null >> "/run/guest/$netns.log" 2>&1 &
}
nic() { # TAP MAC [QUEUES [more of the device]]: QEMU's arguments for one NIC
  local queues=${3:-1} id=n$1
  echo "-netdev tap,id=$id,ifname=$1,script=no,downscript=no,vhost=off$([ "$queues" = 1 ] || echo ",queues=$queues")"
  echo "-device virtio-net-pci,netdev=$id,mac=$2,romfile=$([ "$queues" = 1 ] || echo ",mq=on,vectors=$((2 * queues + 2))")${4:+,$4}"
}
says() { # NETNS WORD [SECONDS]: waits until the guest says a line that begins with WORD
  local until=$((SECONDS + ${3:-60}))
  while ((SECONDS < until)); do
    tr -d '\r' < "/run/guest/$1.log" | grep -q "^$2" && return
    sleep 0.2
  done
  tail -n 25 "/run/guest/$1.log"
  return 1
}
said() { tr -d '\r' < "/run/guest/$1.log" | sed -n "s/^$2 //p" | head -n 1; } # NETNS WORD: what stands behind it

# One line to QEMU's monitor; what it says.
monitor() { # SOCKET COMMAND
  (echo "$2"; sleep 1) | timeout 3 busybox nc local:"$1" 2> /dev/null || python3 - "$1" "$2" << 'P'
import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); time.sleep(0.2); s.sendall((sys.argv[2] + "\n").encode()); time.sleep(0.5); print(s.recv(65536).decode(errors="replace"))
P
}

left_behind() {
  ip -o link | cut -d: -f2 | tr -d ' ' | grep -vE '^(lo|uplink0)(@|$)'
  nft list tables
  find /run/trestle/records /run/trestle/switches -mindepth 1 2> /dev/null
  return 0
}
check_nothing_left() {
  local left
  left=$(left_behind)
  if [ -z "$left" ]; then ok "nothing is left"; else not_ok "nothing is left"; sed 's/^/    /' <<< "$left"; fi
}
finish() { jobs -p | xargs -r kill 2> /dev/null; exit $failed; }
