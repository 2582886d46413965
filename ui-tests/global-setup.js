const { spawn } = require('child_process');
const path = require('path');

/**
 * Ends what the session has started when it is over or killed: runs would train on without their server.
 */
module.exports = () => {
  const keeper = spawn('python', [path.join(__dirname, 'end_processes.py')], {
    detached: true,
    // Its input ends when this process does, in whichever way.
    stdio: ['pipe', 'ignore', 'inherit']
  });
  keeper.unref();
  keeper.stdin.unref();
};
