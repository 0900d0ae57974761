/**
 * The settings of a web server behind a load balancer, written out: `forewarn agent config --defaults`. What has a default
 * has it here too (a test compares them), so that the file says what an agent without it would do.
 */
export const DEFAULT_SETTINGS = `# Settings of the Forewarn agent. Values with a default are shown with it; delete what you do not want to change.
#   forewarn agent config --check FILE    says what is wrong with it and what will not work as you may expect

metadata:
  endpoint: auto      # the address of Azure's virtual networks, or else what DHCP said (option 245)
  poll: 1s            # Azure recommends once a second; its limit is five

identity:
  role: web           # VMs of one role can stand in for each other
  # name: web_0       # only where the metadata service does not know the name
  # scope: my-set     # who is named by the same events; by default the resource group

# Who keeps what the VMs of one event promise to each other. Without it an event that names several VMs is left to its time.
# scheduler: { url: 'https://scheduler.internal:7080' }

# The load balancer's health probe asks here: 200 give me connections, 503 do not.
gate:
  listen: 127.0.0.1:7091
  # Until the slowest balancer has noticed a 503: its interval times its threshold, and a margin. A Preempt leaves 30 s in all.
  detection: 15s
  # applicationProbe: http://127.0.0.1:8080/healthz   the gate says 200 only while the application answers

# A drain is proven once no connection to these ports is left inside the VM.
connections: { ports: [8080] }

drain: { timeout: 60s }          # not proven after this long: failed, tried again, never taken for done
events: { absentFor: 10s }       # absent from every answer for so long: over. Shorter has been seen to be wrong

policy:
  # Tried in order, the first that matches counts; what it does not say is as under "default" below.
  rules: []
  # rules:
  #   - name: no interruption at all
  #     match: { duration: { atMost: 0s } }
  #     decide: { do: consent }                  it may happen in service
  #   - name: short freezes of workers
  #     match: { types: [Freeze], duration: { atMost: 10s }, roles: [worker] }
  #     decide: { do: consent }
  #   - name: moves at night
  #     match: { types: [Redeploy], description: /maintenance/ }
  #     decide: { when: { from: '22:00', to: '05:00', zone: Europe/Berlin, days: [Mon, Tue, Wed, Thu] } }
  #
  # default: { do: drain, when: at-once, approve: when-ready, onFailure: hold, restore: when-gone }
  #   do         drain: out of rotation, and a promise to stay out
  #              consent: the event may hit this VM in service (speaks for this VM only)
  #              notify: only hooks and log; this VM agrees to nothing, so the event comes at its own time
  #   when       at-once | late (NotBefore minus what getting ready takes) | { from, to, zone, days }: in this window, else late
  #   approve    when-ready: once every VM named has agreed | never: nobody may approve for this VM
  #   onFailure  hold: a drain or hook that failed is no agreement | approve: it is, where every balancer has at least accepted
  #   restore    when-gone | { afterImpact: 60s }: weaker, because a second impact may follow while the event lasts
  #
  # Others of this role that must be in service (the scheduler knows) for this VM to leave before it has to; 0: does not matter.
  minimumInService: 0
  # Out for so long without an approval in sight: back in service, and out again late. For events announced days ahead.
  patience: 15m
  # What else a notice must have room for, besides gate.detection and drain.timeout.
  budget: { hooks: 30s, agreement: 10s }

# hooks: { folder: /etc/forewarn/hooks.d, timeout: 30s }
# tasks: { folder: /etc/forewarn/tasks.d }

# Pages besides the Unix socket: /healthz, /readyz, /drainz, /status, /metrics. tokenFile: to be reached from outside, and to
# change anything. metrics: false saves their library's memory.
# http: { listen: '127.0.0.1:7092' }

# Who is told of events. urlFile keeps an address that is a secret; phases, body, proxy and timeout have defaults.
# notifications: [{ url: 'https://hooks.example.com/x', phases: [event.seen, drain.failed, approved, restored] }]

state: /var/lib/forewarn         # what was promised; must survive a reboot
socket: /run/forewarn/agent.sock
log: { level: info }
`;
