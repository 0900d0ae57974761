import type { AgentStatus } from '../status/status.ts';

/** What the agent's servers answer from. */
export interface AgentView {
  /** Undefined until the agent knows which VM it is on. */
  status(): AgentStatus | undefined;
  /** The agent's loop has made progress lately. */
  isAlive(): boolean;
  /** The text of `/metrics`; undefined where metrics are off. */
  readonly metrics: (() => Promise<string>) | undefined;
  /** Undefined until the agent knows which VM it is on. */
  operator(): Operator | undefined;
}

/** What the VM's operator may ask of a running agent. */
export interface Operator {
  /** Takes the VM out of rotation until `restore`, or for `forMs` at most. */
  drain(reason: string, forMs: number): void;
  /** Ends the operator's own drain; other reasons to be out stay. Says whether there was one. */
  restore(): boolean;
  /** Keeps the VM in service although an event names it. Refused once anybody may have approved the event. */
  withdraw(eventId: string): Promise<{ readonly ok: boolean; readonly detail: string }>;
}
