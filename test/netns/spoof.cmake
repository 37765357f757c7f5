# What a pod can make others see: frames as no honest stack sends them.
trestle_netns_test(spoof SOURCES spoof_guard.cpp spoof_frames.cpp LIBS nat_guest @net @base PLUGIN)
