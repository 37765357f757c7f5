# VLANs of a switch; most kernels of containers lack their filtering: these run in hack/vmtest's machine.
trestle_netns_test(vlan
  SOURCES vlan_bridge.cpp vlan_changed.cpp vlan_nat.cpp vlan_shared.cpp
  LIBS nat_guest @net @base PLUGIN)
