# Addresses from another IPAM plugin: Debian's own, and fakes that fail where we want it.
trestle_netns_test(delegate
  SOURCES delegate_real.cpp delegate_fake.cpp delegate_refusing.cpp
  LIBS nat_guest @net @base PLUGIN)
