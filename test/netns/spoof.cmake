# What a pod can make others see: frames as no honest stack sends them.
trestle_netns_test(spoof
  SOURCES spoof_guard.cpp spoof_modes.cpp spoof_stage.cpp spoof_frames.cpp chained_conf.cpp
  LIBS nat_guest @net @base PLUGIN)
