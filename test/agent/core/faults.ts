/** What may go wrong in a world, each as a probability or a length. All zero: nothing does. */
export interface Faults {
  /** Of a crash of a VM's agent, at each second. */
  readonly crash: number;
  /** Of the disk being lost in a crash. */
  readonly diskLost: number;
  /** Of a read of the metadata service failing. */
  readonly readFails: number;
  /** Of a document being empty although there are events, for up to 3 s from then on. */
  readonly emptyGlitch: number;
  /** Of an answer of the coordinator being lost on its way, after the command was applied. */
  readonly answerLost: number;
  /** The coordinator cannot be reached from second to second, this often. */
  readonly outage: number;
  /** Of a drain read finding traffic. */
  readonly busy: number;
  /** Of a hook failing. */
  readonly hookFails: number;
}

export const NO_FAULTS: Faults = {
  crash: 0,
  diskLost: 0,
  readFails: 0,
  emptyGlitch: 0,
  answerLost: 0,
  outage: 0,
  busy: 0,
  hookFails: 0,
};
