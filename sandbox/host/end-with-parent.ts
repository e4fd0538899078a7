// Preloaded into every function's process: its standard input is a pipe that only the sandbox holds, so the pipe closes when
// the sandbox ends, even by SIGKILL, and the function ends with it. A process that is stopped (SIGSTOP) or busy in one
// synchronous computation ends as soon as it runs on.

process.stdin.on('close', () => process.kill(process.pid, 'SIGKILL'));
process.stdin.on('error', () => undefined);
process.stdin.resume();
// A script that has nothing else to wait for ends by itself.
process.stdin.unref();
