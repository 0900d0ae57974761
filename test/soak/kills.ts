import { rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { playKills, type KillsOptions, type KillsResult, type Played, type Round } from './kills-driver.ts';

/** An agent that was killed comes back within this; its event then still has most of its notice. */
const LONGEST_ABSENCE_MS = 2000;
const NOTICE_MS = 60_000;
/** A fleet without trouble has approved by then; kills come at any moment before. */
const DELICATE_MS = 3000;

/** Kills agents at random moments between the appearance of an event and its approval; some of them lose their journal. */
export async function killAtRandom(options: KillsOptions): Promise<KillsResult> {
  return await playKills({ name: 'kills', work: 'sleep 0.3', noticeMs: NOTICE_MS, play: killSome }, options);
}

async function killSome({ rig, random, isApproved }: Round): Promise<Played> {
  const killed: string[] = [];
  const planned = 1 + Math.floor(random.fraction() * 3);
  for (let index = 0; index < planned; index++) {
    const agent = rig.agents[Math.floor(random.fraction() * rig.agents.length)];
    const losesJournal = random.fraction() < 0.3;
    await sleep((random.fraction() * DELICATE_MS) / planned);
    if (agent === undefined || isApproved()) break;
    await agent.program.stop('SIGKILL');
    killed.push(losesJournal ? `${agent.name} with its journal` : agent.name);
    if (losesJournal) rmSync(path.join(agent.folder, 'state'), { recursive: true, force: true });
    await sleep(random.fraction() * LONGEST_ABSENCE_MS);
    await agent.start();
  }
  return { killed };
}
