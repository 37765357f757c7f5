# The verbs as a runtime calls them: the built executable, its answers, and what is left.
add_library(verbs_node STATIC verbs_node.cpp)
target_link_libraries(verbs_node PUBLIC test_support PRIVATE trestle_flags)
trestle_netns_test(verbs
  SOURCES verbs_hosts.cpp verbs_ipam.cpp verbs_lifecycle.cpp verbs_refused.cpp verbs_requests.cpp verbs_result.cpp verbs_shared.cpp
  LIBS verbs_node PLUGIN)
