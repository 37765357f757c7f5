# The NAT network with real packets.
add_library(nat_guest STATIC nat_guest.cpp)
target_link_libraries(nat_guest PUBLIC verbs_node PRIVATE trestle_flags)
trestle_netns_test(nat
  SOURCES nat_bench.cpp nat_host.cpp nat_link.cpp nat_multicast.cpp nat_news.cpp nat_switches.cpp nat_traffic.cpp
  LIBS nat_guest @net @base PLUGIN)
