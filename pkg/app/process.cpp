#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "app/prefault.h"
#include "app/run.h"
#include "store/clock.h"

namespace trestle::app {

void prepare_process(bool for_a_runtime) noexcept {
  store::note_process_start();
  prefault();
  // Closed standard descriptors would be given to the first files we open, and a result written into one of them.
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) < 0) static_cast<void>(::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY));
  ::umask(077);
  if (for_a_runtime) {
    const int moved = ::chdir("/");
    static_cast<void>(
        moved);  // a courtesy to whoever wants to unmount that directory: every path that we use is absolute
  }
  sigset_t held;
  sigemptyset(&held);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&held, signal);
  ::sigprocmask(SIG_SETMASK, &held, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // then a full quota is an error like another
  ::signal(SIGCHLD, SIG_DFL);
}

}  // namespace trestle::app
