import { nullTranslator } from '@jupyterlab/translation';

import { KernelClient } from '../client';
import { KernelRequestError } from '../error';
import { FakeContext, FakeKernel, settle } from './fakeKernel';

describe('KernelClient', () => {
  let kernel: FakeKernel;
  let context: FakeContext;
  let client: KernelClient;
  let kinds: string[];

  function create(first: FakeKernel | null): void {
    context = new FakeContext(first);
    client = new KernelClient({
      sessionContext: context.asContext,
      version: '0.1.3',
      trans: nullTranslator.load('')
    });
    kinds = [client.status.kind];
    client.statusChanged.connect((_, status) => kinds.push(status.kind));
  }

  /** The kernel answers the handshake. */
  async function connect(version = '0.1.0'): Promise<void> {
    await settle();
    kernel.comm.reply('version', { version, python: '3.11.7' });
    await settle();
  }

  beforeEach(() => {
    kernel = new FakeKernel();
    create(kernel);
  });

  afterEach(() => client.dispose());

  describe('status', () => {
    it('is ready when the kernel answered with a version of the same release', async () => {
      await connect('0.1.9');
      expect(kernel.comm.targetName).toBe('llmtune');
      expect(kernel.comm.opened).toEqual({ version: '0.1.3' });
      expect(kinds).toEqual(['connecting', 'ready']);
    });

    it('names both versions when the kernel has another release', async () => {
      await connect('0.2.0');
      expect(client.status).toMatchObject({
        kind: 'version-mismatch',
        kernel: '0.2.0',
        frontend: '0.1.3'
      });
    });

    it('tells what to run when the kernel refuses the comm', async () => {
      await settle();
      kernel.comm.receiveClose();
      expect(client.status.kind).toBe('not-loaded');
      await expect(client.request('runs', {})).rejects.toMatchObject({
        what: 'There is no connection to the kernel.',
        fix: expect.stringContaining('%load_ext llmtune_kernel')
      });
      expect(kernel.comms).toHaveLength(1);
      context.setStatus('busy');
      context.setStatus('idle');
      expect(kernel.comms).toHaveLength(1);
    });

    it('talks over the connection that gets the messages of its kernel', async () => {
      await connect();
      const other = new FakeContext(new FakeKernel(kernel.id, false));
      const second = new KernelClient({
        sessionContext: other.asContext,
        version: '0.1.3',
        trans: nullTranslator.load(''),
        borrow: id => (id === client.lent?.id ? client.lent : null)
      });
      client.lentChanged.connect(() => second.borrowAnew());
      await connect();
      expect(kernel.comms).toHaveLength(2);
      expect(second.status.kind).toBe('ready');
      // The kernel half is loaded anew.
      kernel.load();
      await connect();
      expect(kernel.comms).toHaveLength(4);
      expect(second.status.kind).toBe('ready');
      context.setKernel(null);
      expect(second.status.kind).toBe('elsewhere');
      context.setKernel(kernel);
      await connect();
      expect(second.status.kind).toBe('ready');
      second.dispose();
    });

    it('connects anew when an idle kernel stays silent', async () => {
      jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
      create(kernel);
      const before = kernel.comms.length;
      context.setStatus('busy');
      jest.advanceTimersByTime(60_000);
      expect(kernel.comms).toHaveLength(before);
      context.setStatus('idle');
      jest.advanceTimersByTime(6_000);
      expect(kernel.comms).toHaveLength(before + 1);
      jest.useRealTimers();
      await connect();
      expect(client.status.kind).toBe('ready');
    });

    it('says that the kernel is busy until it answers', async () => {
      await settle();
      context.setStatus('busy');
      await connect();
      expect(kinds).toEqual(['connecting', 'busy', 'ready']);
    });

    it('connects only when the kernel has started', async () => {
      kernel = new FakeKernel();
      kernel.status = 'starting';
      create(kernel);
      expect(kernel.comms).toHaveLength(0);
      context.setStatus('idle');
      await connect();
      expect(kinds).toEqual(['connecting', 'ready']);
    });

    it('is no-kernel until there is one', async () => {
      create(null);
      expect(client.status).toEqual({
        kind: 'no-kernel',
        message: 'This notebook has no kernel.'
      });
      context.setKernel(kernel);
      await connect();
      expect(client.status.kind).toBe('ready');
      context.setKernel(null);
      expect(client.status.kind).toBe('no-kernel');
    });

    it('is dead when the kernel died', async () => {
      await connect();
      context.setStatus('dead');
      expect(client.status.kind).toBe('dead');
    });

    it('is dead still when the server has forgotten the kernel that died', async () => {
      await connect();
      context.setStatus('dead');
      context.setKernel(null);
      expect(client.status.kind).toBe('dead');
      kernel = new FakeKernel();
      context.setKernel(kernel);
      await connect();
      expect(client.status.kind).toBe('ready');
    });
  });

  describe('the greeting', () => {
    it('tells what the page prefers, and tells it anew', async () => {
      const greetings = [{ language: 'ja-JP' }, { runs_folder: '~/runs' }];
      client.dispose();
      context = new FakeContext(kernel);
      client = new KernelClient({
        sessionContext: context.asContext,
        version: '0.1.3',
        trans: nullTranslator.load(''),
        greeting: async () => greetings.shift()!
      });
      await connect();
      expect(kernel.comm.request('version').payload).toEqual({
        language: 'ja-JP'
      });
      client.greet();
      await settle();
      expect(kernel.comm.request('version').payload).toEqual({
        runs_folder: '~/runs'
      });
      expect(client.status.kind).toBe('ready');
    });
  });

  describe('the comm', () => {
    it('opens after its subshell has started, so that a running cell does not hold it up', async () => {
      let start = () => undefined as void;
      kernel = new FakeKernel();
      kernel.subshellStarted = new Promise(resolve => (start = resolve));
      create(kernel);
      await settle();
      expect(kernel.comm.opened).toBeNull();
      start();
      await settle();
      expect(kernel.comm.opened).not.toBeNull();
    });

    it('opens at once in a kernel without subshells', async () => {
      kernel = new FakeKernel();
      kernel.supportsSubshells = false;
      kernel.subshellStarted = new Promise(() => undefined);
      create(kernel);
      await settle();
      expect(kernel.comm.opened).not.toBeNull();
    });

    it('closes when the client is disposed', async () => {
      await connect();
      client.dispose();
      expect(kernel.comm.closed).toBe(true);
      expect(kernel.targets.size).toBe(0);
    });
  });

  describe('when the extension is loaded', () => {
    it('says that this page has the front end', async () => {
      const hello = kernel.load();
      await settle();
      expect(hello.sent).toEqual([{ type: 'hello', version: '0.1.3' }]);
    });

    it('connects where it was refused before', async () => {
      await settle();
      kernel.comm.receiveClose();
      kernel.load();
      await connect();
      expect(kinds).toEqual([
        'connecting',
        'not-loaded',
        'connecting',
        'ready'
      ]);
    });

    it('hears it in each kernel of the notebook', async () => {
      const second = new FakeKernel();
      context.setKernel(second);
      expect(kernel.targets.size).toBe(0);
      second.load();
      kernel = second;
      await connect();
      expect(client.status.kind).toBe('ready');
    });
  });

  describe('requests', () => {
    beforeEach(() => connect());

    it('get their own answers when these change places', async () => {
      const schema = client.request('schema', {});
      const runs = client.request('runs', {});
      await settle();
      kernel.comm.reply('runs', []);
      kernel.comm.reply('schema', { type: 'object' });
      expect(await schema).toEqual({ type: 'object' });
      expect(await runs).toEqual([]);
    });

    it('fail with what, where and fix of a mistake', async () => {
      const answer = client.request('subscribe', { run: 'a', offset: 0 });
      await settle();
      const error = {
        what: 'No run a.',
        where: 'llmtune-runs',
        fix: 'See %runs.'
      };
      const { id } = kernel.comm.request('subscribe');
      kernel.comm.receive({ id, type: 'error', error });
      await expect(answer).rejects.toBeInstanceOf(KernelRequestError);
      await expect(answer).rejects.toMatchObject(error);
    });

    it('fail when the answer takes too long, and ignore it afterwards', async () => {
      await expect(
        client.request('runs', {}, { timeout: 5 })
      ).rejects.toMatchObject({
        what: 'The kernel did not answer within 0.005 s.'
      });
      kernel.comm.reply('runs', []);
      expect(client.status.kind).toBe('ready');
    });

    const ends: [string, () => void][] = [
      ['the kernel restarts', () => context.restart()],
      ['the kernel dies', () => context.setStatus('dead')],
      [
        'another kernel takes its place',
        () => context.setKernel(new FakeKernel())
      ],
      ['the connection is lost', () => context.setStatus('unknown')],
      ['the client is disposed', () => client.dispose()]
    ];
    it.each(ends)('fail when %s', async (_, end) => {
      const answer = client.request('runs', {});
      await settle();
      end();
      await expect(answer).rejects.toMatchObject({
        what: 'The connection to the kernel ended before it answered.'
      });
    });

    it('never get the late answer of an old kernel', async () => {
      const old = kernel.comm;
      client.request('runs', {}).catch(() => undefined);
      await settle();
      const { id } = old.request('runs');
      context.restart();
      context.setStatus('idle');
      await connect();
      const answer = client.request('runs', {});
      await settle();
      old.receive({ id, type: 'reply', payload: [{ name: 'old' }] });
      kernel.comm.reply('runs', []);
      expect(await answer).toEqual([]);
    });
  });

  describe('after a restart', () => {
    it('connects again', async () => {
      await connect();
      context.restart();
      context.setStatus('starting');
      context.setStatus('idle');
      await connect();
      expect(kinds).toEqual(['connecting', 'ready', 'connecting', 'ready']);
      expect(kernel.comms).toHaveLength(2);
    });
  });
});
