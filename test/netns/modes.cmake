# The modes beside nat, and what protects their pods.
trestle_netns_test(modes
  SOURCES modes_conf.cpp chained_conf.cpp modes_apart.cpp modes_changed.cpp modes_check.cpp modes_firewall.cpp modes_gone.cpp modes_isolated.cpp modes_lan.cpp modes_router.cpp modes_routed.cpp modes_switch.cpp
  LIBS nat_guest @net @base PLUGIN)
target_compile_definitions(netns_modes PRIVATE TRESTLE_CONF_DIR="${CMAKE_SOURCE_DIR}/conf")
