trestle_netns_test(kernel
  SOURCES kernel_address.cpp kernel_announce.cpp kernel_link.cpp kernel_netlink.cpp kernel_netns.cpp kernel_route.cpp kernel_sysctl.cpp
          kernel_tc.cpp
  LIBS @kernel @plan @net @base)
trestle_netns_test(support SOURCES support_test.cpp LIBS @base)
