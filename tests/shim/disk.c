/* Stands between the program and the disk, preloaded: fails, stops or kills it at a chosen effect below one folder, and
 * writes down every effect with its data.
 *
 *   SHIM_ROOT   the folder; effects elsewhere pass untouched
 *   SHIM_FAIL   what;nth;how;where   for example: write,fsync;3;ENOSPC;request_database
 *               what:  open (for writing), write, fsync, truncate, rename, link, unlink; or any
 *               nth:   3 (the third), 3+ (from the third on)
 *               how:   ENOSPC EIO EROFS EACCES EINTR, SHORT (half is written), KILL, STOP (frozen until continued)
 *               where: a part of the path, may be empty
 *   SHIM_TRACE  a file that gets one record an effect, and one a fault: "what\tpath\tpath2\toffset\tlength\n", the data, "\n"
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 1024

static char root[4096], what[256], where[256];
static int from = 0, onwards = 0, error = 0, action = 0, trace = -1, ready = 0;
static long calls = 0;
static char *paths[FILES];
static int appends[FILES];
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

enum { NONE, ERROR, SHORT, KILL, STOP };

static void prepare(void) {
  if (ready) return;
  ready = 1;
  const char *text = getenv("SHIM_ROOT");
  if (text) snprintf(root, sizeof root, "%s", text);
  text = getenv("SHIM_TRACE");
  if (text) trace = (int)syscall(SYS_openat, AT_FDCWD, text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  text = getenv("SHIM_FAIL");
  if (!text) return;
  char spec[1024], *rest = spec;
  snprintf(spec, sizeof spec, "%s", text);
  char *part = strsep(&rest, ";");
  snprintf(what, sizeof what, "%s", part ? part : "");
  part = strsep(&rest, ";");
  from = part ? atoi(part) : 0;
  onwards = part && strchr(part, '+');
  part = strsep(&rest, ";");
  const char *how = part ? part : "";
  snprintf(where, sizeof where, "%s", rest ? rest : "");
  static const struct { const char *name; int number; } errors[] = {
      {"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EROFS", EROFS}, {"EACCES", EACCES}, {"EINTR", EINTR}};
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
    if (!strcmp(how, errors[i].name)) error = errors[i].number, action = ERROR;
  if (!strcmp(how, "SHORT")) action = SHORT;
  if (!strcmp(how, "KILL")) action = KILL;
  if (!strcmp(how, "STOP")) action = STOP;
}

static int below(const char *path) {
  prepare();
  size_t length = strlen(root);
  return path && length && !strncmp(path, root, length) && (path[length] == '/' || !path[length]);
}

static int listed(const char *name) {
  if (!strcmp(what, "any")) return 1;
  size_t length = strlen(name);
  for (const char *at = what; (at = strstr(at, name)); at += length)
    if ((at == what || at[-1] == ',') && (!at[length] || at[length] == ',')) return 1;
  return 0;
}

static void record(const char *name, const char *path, const char *other, long offset, const void *data, size_t length);

/* What is to happen to this effect. */
static int fate(const char *name, const char *path) {
  if (!action || !below(path) || !listed(name) || (*where && !strstr(path, where))) return NONE;
  long number = __sync_add_and_fetch(&calls, 1);
  if (onwards ? number < from : number != from) return NONE;
  record("fault", path, NULL, 0, NULL, 0);
  if (action == KILL) syscall(SYS_kill, getpid(), SIGKILL);
  if (action == STOP) {
    syscall(SYS_kill, getpid(), SIGSTOP);
    return NONE;
  }
  if (action == ERROR) errno = error;
  return action;
}

static const char *shown(const char *path) {
  if (!path) return "";
  const char *rest = path + strlen(root);
  return *rest == '/' ? rest + 1 : rest;
}

static void record(const char *name, const char *path, const char *other, long offset, const void *data, size_t length) {
  if (trace < 0) return;
  int kept = errno;
  char head[8600];
  int size = snprintf(head, sizeof head, "%s\t%s\t%s\t%ld\t%zu\n", name, shown(path), other ? shown(other) : "", offset,
                      data ? length : 0);
  struct iovec parts[3] = {{head, (size_t)size}, {(void *)data, data ? length : 0}, {"\n", 1}};
  syscall(SYS_writev, trace, parts, 3);
  errno = kept;
}

static void remember(int fd, const char *path, int flags) {
  if (fd < 0 || fd >= FILES) return;
  pthread_mutex_lock(&gate);
  free(paths[fd]);
  paths[fd] = below(path) ? strdup(path) : NULL;
  appends[fd] = !!(flags & O_APPEND);
  pthread_mutex_unlock(&gate);
}

static const char *path_of(int fd) { return fd >= 0 && fd < FILES ? paths[fd] : NULL; }

static int opened(int dir, const char *path, int flags, mode_t mode) {
  int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);
  if (writes && fate("open", path) == ERROR) return -1;
  struct stat found;
  int there = below(path) && !lstat(path, &found);
  int fd = (int)syscall(SYS_openat, dir, path, flags, mode);
  if (fd >= 0) {
    remember(fd, path, flags);
    if (below(path) && (flags & O_CREAT) && !there) record("create", path, NULL, 0, NULL, 0);
    if (below(path) && (flags & O_TRUNC) && there) record("truncate", path, NULL, 0, NULL, 0);
  }
  return fd;
}

#define MODE(flags)                                                                                                    \
  mode_t mode = 0;                                                                                                     \
  if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                               \
    va_list rest;                                                                                                      \
    va_start(rest, flags);                                                                                             \
    mode = va_arg(rest, mode_t);                                                                                       \
    va_end(rest);                                                                                                      \
  }

int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE(flags) return opened(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE(flags) return opened(dir, path, flags, mode); }

int close(int fd) {
  if (fd >= 0 && fd < FILES && paths[fd]) remember(fd, NULL, 0);
  return (int)syscall(SYS_close, fd);
}

static ssize_t written(int fd, const void *data, size_t length, long offset) {
  const char *path = path_of(fd);
  if (path) {
    int found = fate("write", path);
    if (found == ERROR) return -1;
    if (found == SHORT && length > 1) length /= 2;
    if (offset < 0) {
      struct stat file;
      offset = appends[fd] && !fstat(fd, &file) ? file.st_size : lseek(fd, 0, SEEK_CUR);
      ssize_t done = syscall(SYS_write, fd, data, length);
      if (done > 0) record("write", path, NULL, offset, data, (size_t)done);
      return done;
    }
    ssize_t done = syscall(SYS_pwrite64, fd, data, length, offset);
    if (done > 0) record("write", path, NULL, offset, data, (size_t)done);
    return done;
  }
  ssize_t done = offset < 0 ? syscall(SYS_write, fd, data, length) : syscall(SYS_pwrite64, fd, data, length, offset);
  prepare();
  if (fd == STDOUT_FILENO && done > 0) record("stdout", NULL, NULL, 0, data, (size_t)done);
  return done;
}

ssize_t write(int fd, const void *data, size_t length) { return written(fd, data, length, -1); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return written(fd, data, length, offset); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) { return written(fd, data, length, offset); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (!path_of(fd) && fd != STDOUT_FILENO) return syscall(SYS_writev, fd, parts, count);
  /* One part at a time is a short write, which callers must bear. */
  for (int i = 0; i < count; i++)
    if (parts[i].iov_len) return written(fd, parts[i].iov_base, parts[i].iov_len, -1);
  return 0;
}

static int synced(int fd, long call) {
  const char *path = path_of(fd);
  if (path && fate("fsync", path) == ERROR) return -1;
  int done = (int)syscall(call, fd);
  if (path && !done) record("fsync", path, NULL, 0, NULL, 0);
  return done;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

static int cut(int fd, off_t length) {
  const char *path = path_of(fd);
  if (path && fate("truncate", path) == ERROR) return -1;
  int done = (int)syscall(SYS_ftruncate, fd, length);
  if (path && !done) record("truncate", path, NULL, length, NULL, 0);
  return done;
}

int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off64_t length) { return cut(fd, length); }

int rename(const char *old, const char *new) {
  if (fate("rename", new) == ERROR) return -1;
  int done = (int)syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, 0);
  if (!done && below(new)) record("rename", old, new, 0, NULL, 0);
  return done;
}

static int linked(int from_dir, const char *old, int to_dir, const char *new, int flags) {
  if (fate("link", new) == ERROR) return -1;
  int done = (int)syscall(SYS_linkat, from_dir, old, to_dir, new, flags);
  if (!done && below(new)) record("link", old, new, 0, NULL, 0);
  return done;
}

int link(const char *old, const char *new) { return linked(AT_FDCWD, old, AT_FDCWD, new, 0); }
int linkat(int from_dir, const char *old, int to_dir, const char *new, int flags) {
  return linked(from_dir, old, to_dir, new, flags);
}

int unlink(const char *path) {
  if (fate("unlink", path) == ERROR) return -1;
  int done = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
  if (!done && below(path)) record("unlink", path, NULL, 0, NULL, 0);
  return done;
}

int mkdir(const char *path, mode_t mode) {
  int done = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
  if (!done && below(path)) record("mkdir", path, NULL, 0, NULL, 0);
  return done;
}
