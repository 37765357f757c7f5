# libmnl is a witness here: it reads back what Batch wrote.
trestle_unit_test(kernel SOURCES kernel/attrs_test.cpp kernel/batch_test.cpp kernel/conntrack_list_test.cpp kernel/message_test.cpp kernel/sysctl_test.cpp kernel/tc_test.cpp kernel/witness.cpp
                  LIBS @kernel @plan @net @base PkgConfig::MNL)
