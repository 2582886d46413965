/**
 * Starts JupyterLab and drives it with Chromium. Environment variables:
 *   LLMTUNE_TEST_PORT   of the server; 8897 by default
 *   CHROMIUM            path of the browser; Debian's if there is one, else Playwright's own
 */
const fs = require('fs');
const os = require('os');
const path = require('path');

const baseConfig = require('@jupyterlab/galata/lib/playwright-config');

const port = process.env.LLMTUNE_TEST_PORT ?? '8897';
const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';

// The runs of all tests; they may look into it.
process.env.LLMTUNE_HOME ??= fs.mkdtempSync(
  path.join(os.tmpdir(), 'llmtune-runs-')
);
// What this session starts has it, and is known by it.
process.env.LLMTUNE_TEST_SESSION ??= `${process.pid}-${port}`;
// Galata's own fixtures read it.
process.env.TARGET_URL = `http://localhost:${port}`;

module.exports = {
  ...baseConfig,
  testDir: 'tests',
  globalSetup: require.resolve('./global-setup'),
  // One server and two cores: tests share both.
  workers: 1,
  reporter: [['list']],
  // Long, because a busy machine is no failure.
  timeout: 180 * 1000,
  // A second try shows as "flaky" in the report.
  retries: process.env.CI ? 1 : 0,
  expect: { timeout: 30 * 1000 },
  use: {
    ...baseConfig.use,
    baseURL: process.env.TARGET_URL,
    // Video needs an ffmpeg that Playwright would have to download.
    video: 'off',
    trace: 'off',
    actionTimeout: 60 * 1000,
    launchOptions: {
      executablePath: fs.existsSync(chromium) ? chromium : undefined,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync'
      ]
    }
  },
  webServer: {
    command: 'jlpm start',
    url: `${process.env.TARGET_URL}/lab`,
    timeout: 120 * 1000,
    reuseExistingServer: false,
    env: {
      ...process.env,
      LLMTUNE_TEST_PORT: port
    }
  }
};
