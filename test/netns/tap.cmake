# Virtual machines: a TAP in the pod's namespace, and frames sent and received by it as a hypervisor would.
trestle_netns_test(tap
  SOURCES chained_conf.cpp tap_chained.cpp tap_check.cpp tap_lifecycle.cpp tap_rules.cpp tap_traffic.cpp tap_vm.cpp
  LIBS nat_guest @net @base PLUGIN)
