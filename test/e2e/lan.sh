# A LAN for a scratch host, used by the end-to-end tests and hack/demo. Call it in a network namespace and with a /run of one's own.
#   host: uplink0 192.0.2.1, 2001:db8::1 -- namespace `lan`: eth0 192.0.2.2, 2001:db8::2, the host's default router
# The LAN has a web server that answers with the address it sees, and no route back to the pods, as on any LAN.
whoami4='http://192.0.2.2/cgi-bin/whoami'
whoami6='http://[2001:db8::2]/cgi-bin/whoami'

eventually() { # COMMAND... : tried for 10 s
  local until=$((SECONDS + 10))
  while ((SECONDS < until)); do "$@" > /dev/null 2>&1 && return; sleep 0.1; done
  "$@"
}

make_lan() { # DIRECTORY for the web server's files; exit code not 0 when something failed
  local busybox
  busybox=$(command -v busybox) &&
    ip link set lo up &&
    ip netns add lan &&
    ip link add uplink0 type veth peer name eth0 netns lan &&
    ip addr add 192.0.2.1/24 dev uplink0 &&
    ip addr add 2001:db8::1/64 dev uplink0 nodad &&
    ip link set uplink0 up &&
    ip -n lan link set lo up &&
    ip -n lan addr add 192.0.2.2/24 dev eth0 &&
    ip -n lan addr add 2001:db8::2/64 dev eth0 nodad &&
    ip -n lan link set eth0 up &&
    ip route add default via 192.0.2.2 &&
    ip route add default via 2001:db8::2 &&
    mkdir -p "$1/cgi-bin" || return
  cat > "$1/cgi-bin/whoami" << S
#!$busybox sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
echo "\$REMOTE_ADDR" | $busybox sed 's/[][]//g; s/^::ffff://'
S
  chmod +x "$1/cgi-bin/whoami"
  ip netns exec lan "$busybox" httpd -f -p '[::]:80' -h "$1" &
  eventually ip netns exec lan "$busybox" nc -w 1 127.0.0.1 80 < /dev/null
}
