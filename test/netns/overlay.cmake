# Networks over many nodes: namespaces as nodes, on an underlay of their own.
trestle_netns_test(overlay
  SOURCES overlay_agent.cpp overlay_apart.cpp overlay_direct.cpp overlay_faults.cpp overlay_host.cpp overlay_nodes.cpp overlay_layer2.cpp overlay_layer3.cpp overlay_list.cpp overlay_taken.cpp overlay_refused.cpp
  LIBS nat_guest @net @base PLUGIN)
