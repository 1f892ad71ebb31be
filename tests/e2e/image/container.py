"""An image's programs as a hardened engine runs them: its own process, network
and mount namespaces, a read-only root, user and environment of the image's
configuration, no capabilities, no way to more rights, no shell, PID 1."""

import os
import pathlib
import signal
import subprocess
import sys
import time

# $0 is the image's root, $1 the folder of the volume, $2 its mount point, $3 that
# of a tmpfs or empty, $4 and $5 user and group; the rest is for env.
ENTER = r"""
set -eu
root=$0 volume=$1 mount_point=$2 tmpfs=$3 user=$4 group=$5
shift 5
ip link set lo up
mount --bind "$root" "$root"
mount --bind "$volume" "$root$mount_point"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev"
for device in null random urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
for shell in bash dash; do
  mount --bind /dev/null "$root/usr/bin/$shell"
done
test -z "$tmpfs" ||
  mount -t tmpfs -o mode=1777,noexec,nosuid,nodev tmpfs "$root$tmpfs"
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid \
  chroot --userspec="$user:$group" --groups= "$root" \
  /usr/bin/env "$@"
"""
START_LIMIT_S = 60


class Container:
    """One running command of the image: its own unless given."""

    def __init__(self, root, configuration, volume, command=None, tmpfs=""):
        self.configuration = configuration
        user, group = configuration["User"].split(":")
        self.user = ["--setuid", user, "--setgid", group]
        self.within = [f"--chdir={configuration['WorkingDir']}",
                       "--ignore-environment", *configuration["Env"]]
        command = command or [*configuration["Entrypoint"],
                              *(configuration.get("Cmd") or [])]
        self.log_path = pathlib.Path(f"{volume}.log")
        with open(self.log_path, "a", encoding="utf-8") as log:
            # pylint: disable-next=consider-using-with
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--net", "--pid", "--fork",
                 "--kill-child", "sh", "-c", ENTER, str(root), str(volume),
                 next(iter(configuration["Volumes"])), tmpfs, user, group,
                 *self.within, *command],
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                stdout=log, stderr=log)
        self.wait_until_entered(root, user)

    def wait_until_entered(self, root, user):
        """Until its first process is what the image's user sees, or ended."""
        deadline = time.monotonic() + START_LIMIT_S
        while self.process.poll() is None:
            try:
                entered = os.readlink(f"/proc/{self.pid()}/root") == str(root)
                if entered and self.status()["Uid"].split()[0] == user:
                    return
            except (IndexError, FileNotFoundError, ProcessLookupError):
                pass  # not forked yet, or just ended
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"not entered:\n{self.log()}")
            time.sleep(0.01)  # between two tries

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def pid(self):
        """Of the container's first process, as this machine counts."""
        children = pathlib.Path(
            f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text().split()[0])

    def status(self):
        """The fields of its first process' status."""
        text = pathlib.Path(f"/proc/{self.pid()}/status").read_text()
        return dict(line.split(":\t", 1) for line in text.splitlines()
                    if ":\t" in line)

    def mount_options(self):
        """Options of each mount that it sees, by path."""
        text = pathlib.Path(f"/proc/{self.pid()}/mountinfo").read_text()
        fields = (line.split() for line in text.splitlines())
        return {field[4]: field[5].split(",") for field in fields}

    def wait_until_healthy(self):
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            if self.process.poll() is not None:
                raise AssertionError(f"ended early:\n{self.log()}")
            if self.health().returncode == 0:
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"not healthy:\n{self.log()}")
            time.sleep(0.1)  # between two tries

    def health(self):
        """The image's health check, run as an engine does."""
        kind, *command = self.configuration["Healthcheck"]["Test"]
        assert kind == "CMD", kind
        return self.execute(*command)

    def execute(self, *command, stdin=None):
        """A command beside the first process, as by `docker exec`."""
        return subprocess.run(
            ["nsenter", f"--target={self.pid()}", "--mount", "--net", "--pid",
             "--root", *self.user, "/usr/bin/env", *self.within, *command],
            input=stdin, capture_output=True, text=True, timeout=120,
            check=False)

    def get(self, url):
        """The body of a page that the container serves."""
        program = ("import sys, urllib.request as r; "
                   "print(r.urlopen(sys.argv[1], timeout=30).read().decode())")
        done = subprocess.run(
            ["nsenter", f"--target={self.pid()}", "--net", sys.executable, "-c",
             program, url],
            capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    def stop(self, limit_s):
        """(exit code, seconds) after the signal that engines stop with."""
        name = self.configuration.get("StopSignal") or "SIGTERM"
        began = time.monotonic()
        subprocess.run(["kill", f"-{signal.Signals[name].value}",
                        str(self.pid())], check=True)
        code = self.process.wait(timeout=limit_s)
        return code, time.monotonic() - began

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
