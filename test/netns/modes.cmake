# The modes beside nat, and what protects their pods.
trestle_netns_test(modes
  SOURCES modes_firewall.cpp modes_isolated.cpp modes_routed.cpp modes_switch.cpp
  LIBS nat_guest @net @base PLUGIN)
