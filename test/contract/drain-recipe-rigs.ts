import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openClaims } from '../../agent/drain/claims.ts';
import { portOf, stop } from './drain-haproxy.ts';
import { NGINX, runsNginx } from './drain-nginx.ts';
import { byCommand, nginxRig, type Rig, type RigKind } from './drain-rigs.ts';
import { standInSystemd } from './drain-systemd.ts';

const RECIPES = path.resolve(import.meta.dirname, '../../examples/drains');
const hasCurl = existsSync('/usr/bin/curl') || process.env['CI'] === 'true';

/** The recipe where nobody else can write it, as an operator would install it. */
async function install(recipe: string, folder: string): Promise<string> {
  const file = path.join(folder, path.basename(recipe));
  await copyFile(path.join(RECIPES, recipe), file);
  return file;
}

async function serve(answer: (method: string, url: URL) => string | undefined): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    const body = answer(request.method ?? '', new URL(request.url ?? '/', 'http://balancer'));
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Envoy's admin interface as its documentation describes it (Administration interface): the calls that the recipe makes. */
async function envoyRig(): Promise<Rig> {
  const folder = await mkdtemp(path.join(tmpdir(), 'forewarn-envoy-'));
  const envoy = { live: 1, connections: 0 };
  const server = await serve((method, url) => {
    if (method === 'POST' && url.pathname === '/healthcheck/fail') envoy.live = 0;
    else if (method === 'POST' && url.pathname === '/healthcheck/ok') envoy.live = 1;
    else if (method !== 'GET' || url.pathname !== '/stats') return undefined;
    else {
      const filter = new RegExp(url.searchParams.get('filter') ?? '');
      return [
        ['listener.0.0.0.0_8080.downstream_cx_active', envoy.connections],
        // The admin interface counts the very connection that asks.
        ['listener.admin.downstream_cx_active', 1],
        ['server.live', envoy.live],
      ]
        .filter(([name]) => filter.test(String(name)))
        .map(([name, value]) => `${name}: ${value}\n`)
        .join('');
    }
    return 'OK\n';
  });
  const environment = { ENVOY_ADMIN: `http://127.0.0.1:${portOf(server)}` };
  return {
    drain: byCommand(await install('envoy', folder), await openClaims(path.join(folder, 'claims')), { environment }),
    openTraffic: async () => {
      envoy.connections++;
      return {
        close: async () => {
          envoy.connections--;
        },
      };
    },
    isTurnedAway: async () => envoy.live === 0,
    turnAwayByHand: async () => {
      envoy.live = 0;
    },
    close: async () => {
      await stop(server);
      await rm(folder, { recursive: true });
    },
  };
}

/** Consul's agent API as its documentation describes it (Agent HTTP API: list checks, service maintenance). */
async function consulRig(): Promise<Rig> {
  const folder = await mkdtemp(path.join(tmpdir(), 'forewarn-consul-'));
  let reason: string | undefined;
  const server = await serve((method, url) => {
    const CHECK = { Node: 'n', Status: 'passing', Notes: '', Output: '', Definition: {} };
    if (method === 'GET' && url.pathname === '/v1/agent/checks')
      return JSON.stringify({
        'service:web': { ...CHECK, CheckID: 'service:web', ServiceID: 'web' },
        ...(reason === undefined
          ? {}
          : {
              '_service_maintenance:web': {
                ...CHECK,
                CheckID: '_service_maintenance:web',
                Status: 'critical',
                Notes: reason,
              },
            }),
      });
    if (method !== 'PUT' || url.pathname !== '/v1/agent/service/maintenance/web') return undefined;
    reason = url.searchParams.get('enable') === 'true' ? (url.searchParams.get('reason') ?? '') : undefined;
    return '';
  });
  const environment = { CONSUL_ADDRESS: `http://127.0.0.1:${portOf(server)}` };
  const claims = await openClaims(path.join(folder, 'claims'));
  return {
    drain: byCommand(await install('consul', folder), claims, { parameters: ['web'], environment }),
    openTraffic: undefined,
    isTurnedAway: async () => reason !== undefined,
    turnAwayByHand: async () => {
      reason = 'an operator at work';
    },
    close: async () => {
      await stop(server);
      await rm(folder, { recursive: true });
    },
  };
}

/** A stand-in for kubectl over one node in files: the calls that the recipe makes, and one pod that must not go at once. */
async function kubernetesRig(): Promise<Rig> {
  const folder = await mkdtemp(path.join(tmpdir(), 'forewarn-kubernetes-'));
  const kubectl = path.join(folder, 'kubectl');
  await writeFile(path.join(folder, 'pods'), 'shop web owner=ReplicaSet static=\n');
  await writeFile(
    kubectl,
    `#!/bin/sh
cd "${folder}"
shift
case "$*" in
  'get node n1 -o jsonpath={.spec.unschedulable}') cat unschedulable 2>/dev/null || true ;;
  'get node n1 -o jsonpath={.metadata.annotations'*) cat annotation 2>/dev/null || true ;;
  'get pods --all-namespaces '*'jsonpath={range .items[*]}'*)
    echo 'kube-system agent owner=DaemonSet static='
    echo 'kube-system api owner=Node static=abc'
    cat pods ;;
  'annotate node n1 forewarn.cordoned=true --overwrite') echo true >annotation ;;
  'annotate node n1 forewarn.cordoned-') rm annotation ;;
  'cordon n1') echo true >unschedulable ;;
  'uncordon n1') rm unschedulable ;;
  'drain n1 '*) if [ -e budget ]; then exit 1; fi; : >pods ;;
  *) echo "unknown: $*" >&2; exit 1 ;;
esac
`,
    { mode: 0o755 },
  );
  const isCordoned = (): boolean => existsSync(path.join(folder, 'unschedulable'));
  return {
    drain: byCommand(await install('kubernetes', folder), await openClaims(path.join(folder, 'claims')), {
      parameters: ['n1'],
      environment: { KUBECTL: kubectl },
    }),
    // A pod whose disruption budget does not let it go.
    openTraffic: async () => {
      await writeFile(path.join(folder, 'budget'), '');
      return {
        close: async () => {
          await rm(path.join(folder, 'budget'));
        },
      };
    },
    isTurnedAway: async () => isCordoned(),
    turnAwayByHand: async () => {
      await writeFile(path.join(folder, 'unschedulable'), 'true');
    },
    close: async () => {
      await rm(folder, { recursive: true });
    },
  };
}

async function privilegedNginxRig(): Promise<Rig> {
  const folder = await mkdtemp(path.join(tmpdir(), 'forewarn-nginx-drain-'));
  const file = await install('privileged/nginx-drain', folder);
  const rig = await nginxRig((nginx, claims) =>
    byCommand(file, claims, {
      parameters: [path.basename(nginx.file, '.conf')],
      environment: {
        NGINX_DRAIN_FOLDER: nginx.folder,
        NGINX_DRAIN_STATE: folder,
        NGINX_DRAIN_PID: nginx.pidFile,
        NGINX_DRAIN_CONFIG: nginx.config,
        NGINX_DRAIN_PROGRAM: NGINX,
      },
    }),
  );
  return {
    ...rig,
    close: async () => {
      await rig.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function privilegedUnitsRig(): Promise<Rig> {
  const { folder, program, unit } = await standInSystemd();
  await writeFile(path.join(folder, 'web'), '# the application\nweb.service\n');
  return {
    drain: byCommand(await install('privileged/units-drain', folder), await openClaims(path.join(folder, 'claims')), {
      parameters: ['web'],
      environment: {
        UNITS_DRAIN_LISTS: folder,
        UNITS_DRAIN_STATE: path.join(folder, 'state'),
        UNITS_DRAIN_SYSTEMCTL: program,
      },
    }),
    openTraffic: undefined,
    isTurnedAway: async () => (await readFile(unit, 'utf8')).trim() !== 'active',
    turnAwayByHand: async () => {
      await writeFile(unit, 'inactive');
    },
    close: async () => {
      await rm(folder, { recursive: true });
    },
  };
}

/** The recipes of examples/drains, each through the setting `commands`, and how much of what is behind it is real. */
export const RECIPE_RIGS: readonly RigKind[] = [
  {
    name: 'the Envoy recipe (over a stand-in for its admin interface; needs curl)',
    isThere: hasCurl,
    create: envoyRig,
  },
  { name: 'the Consul recipe (over a stand-in for its agent API; needs curl)', isThere: hasCurl, create: consulRig },
  { name: 'the Kubernetes recipe (over a stand-in for kubectl)', isThere: true, create: kubernetesRig },
  {
    name: 'the privileged action nginx-drain (needs: apt-get install nginx)',
    isThere: runsNginx,
    create: privilegedNginxRig,
  },
  {
    name: 'the privileged action units-drain (over a stand-in for systemctl)',
    isThere: true,
    create: privilegedUnitsRig,
  },
];
