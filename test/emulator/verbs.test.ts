import { describe, expect, it } from 'vitest';
import { emulatorCommand } from '../../emulator/command.ts';
import { createControlApp } from '../../emulator/control/control-app.ts';
import type { Operations } from '../../emulator/control/operations.ts';
import { startEmulator } from '../../emulator/library.ts';
import { STEP_KEYS } from '../../emulator/scenario/scenario-schema.ts';

/**
 * What can be done to an emulator, and how it is said at each of its four surfaces. Whoever adds a verb to one of them finds
 * this test red, and adds it to the others. `undefined` says that a surface has no use for it; the comment says why.
 */
interface Verb {
  readonly control: readonly string[];
  readonly command: readonly string[];
  readonly library: readonly string[];
  readonly scenario: readonly string[];
}

const VERBS: Readonly<Record<string, Verb>> = {
  schedule: {
    control: ['POST /events'],
    command: ['freeze', 'reboot', 'redeploy', 'preempt', 'terminate'],
    library: ['schedule'],
    scenario: ['schedule'],
  },
  cancel: { control: ['POST /events/:id/cancel'], command: ['cancel'], library: ['cancel'], scenario: ['cancel'] },
  start: { control: ['POST /events/:id/start'], command: ['start'], library: ['start'], scenario: ['start'] },
  complete: {
    control: ['POST /events/:id/complete'],
    command: ['complete'],
    library: ['complete'],
    scenario: ['complete'],
  },
  approve: { control: ['POST /events/:id/approve'], command: ['approve'], library: ['approve'], scenario: ['approve'] },
  operate: { control: ['POST /operations'], command: ['operate'], library: ['operate'], scenario: ['operate'] },
  // On the command line `maintain --cancel ID` takes back, and `maintain` alone shows. A scenario sees by `maintained`.
  maintain: { control: ['POST /maintenance'], command: ['maintain'], library: ['maintain'], scenario: ['maintain'] },
  cancelMaintenance: {
    control: ['POST /maintenance/:id/cancel'],
    command: [],
    library: ['cancelMaintenance'],
    scenario: ['cancelMaintenance'],
  },
  maintenance: { control: ['GET /maintenance'], command: [], library: ['maintenance'], scenario: [] },
  scale: { control: ['POST /service/scale'], command: ['scale'], library: ['scale'], scenario: ['scale'] },
  upload: { control: ['POST /service/upload'], command: ['upload'], library: ['upload'], scenario: ['upload'] },
  swap: { control: ['POST /service/swap'], command: ['swap'], library: ['swap'], scenario: ['swap'] },
  // `fault none` clears.
  fault: { control: ['POST /faults'], command: ['fault'], library: ['fault'], scenario: ['fault'] },
  clearFaults: { control: ['DELETE /faults'], command: [], library: ['clearFaults'], scenario: ['noFault'] },
  // `clock advance 15m`; without a word it shows.
  clock: {
    control: ['POST /clock', 'GET /clock'],
    command: ['clock'],
    library: ['advance', 'now'],
    scenario: ['advance', 'wait'],
  },
  // What is only looked at: a scenario does that by its expectations.
  events: { control: ['GET /events'], command: ['events'], library: ['events'], scenario: ['expect', 'never'] },
  fleet: { control: ['GET /fleet'], command: ['fleet'], library: ['fleet'], scenario: [] },
  faults: { control: ['GET /faults'], command: ['faults'], library: ['faults'], scenario: [] },
  service: { control: ['GET /service'], command: ['service'], library: ['service'], scenario: [] },
  // At the control API a WebSocket, which is no route of the application.
  watch: { control: [], command: ['watch'], library: ['watch'], scenario: [] },
};

/** Not verbs: what serves, plays or records, where things are, and what is verified with them. */
const BESIDES: Verb = {
  control: ['GET /keys', 'GET /ca.pem'],
  command: ['run', 'record', 'replay'],
  library: ['control', 'publicAddress', 'compute', 'metadata', 'close'],
  scenario: ['load'],
};

function expected(surface: keyof Verb): readonly string[] {
  return [...Object.values(VERBS), BESIDES].flatMap((verb) => verb[surface]).toSorted();
}

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
  readonly handle: { readonly stack?: readonly Layer[] };
  readonly matchers: readonly ((path: string) => unknown)[];
}

/** `METHOD path` of every route; a router that is mounted is under one of the paths that are expected. */
function routesOf(layers: readonly Layer[], under = ''): readonly string[] {
  const paths = new Set(expected('control').map((route) => route.split(' ')[1] ?? ''));
  return layers.flatMap(({ route, handle, matchers }) => {
    if (route !== undefined) {
      const path = route.path === '/' ? under : `${under}${route.path}`;
      return Object.keys(route.methods).map((method) => `${method.toUpperCase()} ${path}`);
    }
    const mounted = [...paths].find((path) => matchers[0]?.(path) !== false) ?? '(a path that is not in the table)';
    return routesOf(handle.stack ?? [], mounted);
  });
}

describe('the verbs of the emulator are the same everywhere:', () => {
  it('at the control API', () => {
    const app = createControlApp({} as Operations);
    const { stack } = app.router as unknown as { stack: readonly Layer[] };
    expect(routesOf(stack).toSorted()).toEqual(expected('control'));
  });

  it('on the command line', () => {
    const terminal = { print: () => {}, printError: () => {}, hasColor: false };
    const command = emulatorCommand({ environment: {}, terminal, cliFile: '/nowhere/cli.ts' });
    expect(command.commands.map((found) => found.name()).toSorted()).toEqual(expected('command'));
  });

  it('in the library', async () => {
    await using emulator = await startEmulator();
    expect(Object.keys(emulator).toSorted()).toEqual(expected('library'));
  });

  it('in scenarios', () => {
    expect(STEP_KEYS.toSorted()).toEqual(expected('scenario'));
  });
});
