# Behind and before the plugins of others, Debian's own.
trestle_netns_test(chained
  SOURCES chained.cpp chained_flags.cpp chained_conf.cpp
  LIBS nat_guest @net @base PLUGIN)
