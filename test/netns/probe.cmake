# Networks over many nodes: why a peer is not reached. Mostly waiting.
trestle_netns_test(probe
  SOURCES probe.cpp
  LIBS nat_guest @net @base PLUGIN)
