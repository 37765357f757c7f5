# What guests expect of a virtual switch: DHCP, RA and DNS by dnsmasq, with real clients.
trestle_netns_test(guests
  SOURCES guests_checksum.cpp guests_closed.cpp guests_leases.cpp guests_process.cpp guests_start.cpp
  LIBS nat_guest @net @base PLUGIN)
