#!/bin/bash
# Three nodes in namespaces, each with Trestle and FRR's zebra and bgpd as Debian ships them, told by `trestle overlay frr-config`: one segment,
# and a pod that moves with its MAC and address.
# usage: test/e2e/evpn.sh PLUGIN      exit 0 all passed, 1 not, 77 cannot run here
set -uo pipefail
self=$(realpath "$0") plugin=$(realpath "${1:?usage: evpn.sh PLUGIN}")
export PATH=$PATH:/usr/sbin:/sbin
[ "$(id -u)" = 0 ] || { echo "skipped: needs root"; exit 77; }
for tool in /usr/lib/frr/bgpd /usr/lib/frr/zebra; do [ -x $tool ] || { echo "skipped: frr is not installed"; exit 77; }; done
if [ -z "${TRESTLE_E2E_INSIDE-}" ]; then
  exec env TRESTLE_E2E_INSIDE=1 unshare --net --mount --pid --fork --mount-proc --kill-child "$self" "$plugin"
fi
bad=0
check() { local what=$1; shift; if "$@" > /run/out 2>&1; then echo "ok   $what"; else echo "FAIL $what"; sed 's/^/     /' /run/out; bad=1; fi; }
within() { # SECONDS COMMAND…
  local until=$((SECONDS + $1)); shift
  until "$@"; do [ $SECONDS -lt $until ] || return 1; sleep 0.2; done
}
on() { ip netns exec "$@"; }
trestle() { local n=$1; shift; on n$n env TRESTLE_STATE_DIR=/run/t$n "$plugin" "$@"; }
reaches() { on "$1" ping -n -c 1 -W 1 "$2"; }

mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /etc/frr
mkdir -p /run/netns /var/run/frr
chown frr:frr /run/frr /etc/frr
ip link set lo up
ip link add und type bridge && ip link set und up && ip addr add 192.0.2.1/24 dev und
for i in 1 2 3; do
  ip netns add n$i && ip netns add p$i
  ip link add u$i type veth peer name eth0 netns n$i && ip link set u$i master und up
  ip -n n$i addr add 192.0.2.1$i/24 dev eth0 && ip -n n$i link set eth0 up && ip -n n$i link set lo up && ip -n n$i route add default via 192.0.2.1
done
conf() { # [RUNTIME]: of every node alike
  printf '{"cniVersion":"1.1.0","name":"evpn","type":"trestle","ipam":{"ranges":[[{"subnet":"10.54.0.0/24"}],[{"subnet":"fd54::/64"}]],
    "nodeRange":{"prefix":26,"prefix6":80}},"capabilities":{"ips":true,"mac":true},%s
    "overlay":{"vni":100,"control":"evpn","peers":[{"vtep":"192.0.2.11"},{"vtep":"192.0.2.12"},{"vtep":"192.0.2.13"}]}}' "${1-}" > /run/evpn.json
}
conf
for i in 1 2 3; do
  check "pod p$i joins on node n$i" trestle $i add /run/evpn.json --netns p$i --ifname eth0
  install -d -o frr -g frr /etc/frr/n$i /run/frr/n$i
  trestle $i overlay frr-config /run/evpn.json > /etc/frr/n$i/bgpd.conf
  echo "hostname n$i" > /etc/frr/n$i/zebra.conf
  chown -R frr:frr /etc/frr
  check "zebra of n$i" on n$i /usr/lib/frr/zebra -d -N n$i -A 127.0.0.1 -s 90000000 -f /etc/frr/n$i/zebra.conf -i /run/frr/n$i/zebra.pid
  check "bgpd of n$i" on n$i /usr/lib/frr/bgpd -d -N n$i -A 127.0.0.1 -f /etc/frr/n$i/bgpd.conf -i /run/frr/n$i/bgpd.pid -p 179
done
known() { ip -n n1 neigh show dev trevpn | grep "$1 .*extern_learn" > /dev/null; }
check "p1 -> p2 within 15 s" within 15 reaches p1 10.54.0.64
check "p1 -> p3" within 10 reaches p1 10.54.0.128
check "p1 -> p2, IPv6" within 10 reaches p1 fd54::1:0:0:0
check "n1 was told of p2 and p3" within 10 eval 'known 10.54.0.64 && known 10.54.0.128'
check "n1 reaches p2 and p3 from an address of its own" within 5 eval 'reaches n1 10.54.0.64 && reaches n1 10.54.0.128'
check "n1 reaches p2 from its underlay address" within 5 on n1 ping -n -c 1 -W 1 -I 192.0.2.11 10.54.0.64
check "CHECK on n1" trestle 1 check

# p3's MAC and address go to a pod on n2; a stream of pings from p1 loses at most 4 of 100 at 50 ms.
mac=$(ip -n p3 -br link show eth0 | awk '{ print $3 }')
ip netns add moved
conf "\"runtimeConfig\":{\"ips\":[\"10.54.0.128/24\"],\"mac\":\"$mac\"},"
cp /run/evpn.json /run/moved.json
conf
on p1 ping -n -i 0.05 -c 100 -W 1 10.54.0.128 > /run/pings 2>&1 &
pings=$!
sleep 1
check "p3 leaves n3" trestle 3 del /run/evpn.json --netns p3 --ifname eth0
check "it comes to n2, with its MAC and address" trestle 2 add /run/moved.json --netns moved --ifname eth0
wait $pings
received=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' /run/pings)
echo "     $received of 100 pings answered while it moved"
check "no more than 20 lost" [ "${received:-0}" -ge 80 ]
check "p1 reaches it on n2" within 10 reaches p1 10.54.0.128

check "the moved pod leaves" trestle 2 del /run/moved.json --netns moved --ifname eth0
for i in 1 2; do check "p$i leaves" trestle $i del /run/evpn.json --netns p$i --ifname eth0; done
check "n3 reaches nobody, and holds nothing of ours" eval '! ip -n n3 -br link | grep -E "vx|tr|veth"'
check "n1 holds nothing of ours" eval '! ip -n n1 -br link | grep -E "vx|tr|veth"'
pkill -x bgpd; pkill -x zebra
exit $bad
