# The physical side of a switch: addresses that move, bonds.
trestle_netns_test(uplink
  SOURCES uplink_take.cpp uplink_kill.cpp uplink_refused.cpp uplink_failed.cpp uplink_nics.cpp uplink_bond.cpp uplink_bondkill.cpp
  LIBS nat_guest @net @base PLUGIN)
