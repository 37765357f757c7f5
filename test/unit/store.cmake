trestle_unit_test(store
  SOURCES store/bench_test.cpp store/damage_test.cpp store/departed_test.cpp store/fixture.cpp store/full_disk_test.cpp store/kill_test.cpp
          store/lease_test.cpp store/locks_test.cpp store/open_test.cpp store/parts_test.cpp store/record_test.cpp
          store/records_test.cpp store/rest_test.cpp store/vm_test.cpp
  LIBS @store @ipam @plan @net @base)
