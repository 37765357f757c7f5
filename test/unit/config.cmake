trestle_unit_test(config
  SOURCES config/conf_files_test.cpp config/ipam_test.cpp config/keys_test.cpp config/minimal_test.cpp config/netconf_test.cpp
          config/requests_test.cpp config/tap_test.cpp config/guests_test.cpp config/interfaces_test.cpp
  LIBS @config @cni @ipam @net @base)
get_filename_component(conf_dir ${CMAKE_CURRENT_LIST_DIR}/../../conf ABSOLUTE)
target_compile_definitions(unit_config PRIVATE TRESTLE_CONF_DIR="${conf_dir}")
