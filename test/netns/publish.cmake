trestle_netns_test(publish
  SOURCES publish.cpp publish_flows.cpp
  LIBS nat_guest @net @base PLUGIN)
