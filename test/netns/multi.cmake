# Several NICs in one pod: of one call, and of one call each.
trestle_netns_test(multi
  SOURCES multi_calls.cpp multi_lost.cpp multi_nics.cpp multi_routes.cpp multi_shared.cpp
  LIBS nat_guest @net @base PLUGIN)
