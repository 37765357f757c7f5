trestle_netns_test(cli SOURCES cli_commands.cpp LIBS @base PLUGIN)
