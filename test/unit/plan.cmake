trestle_unit_test(plan SOURCES plan_nic_use_test.cpp plan_test.cpp plan_json_test.cpp LIBS @plan @net @base)
