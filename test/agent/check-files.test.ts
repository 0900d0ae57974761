import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { assertFiles } from '../../agent/check-files.ts';
import { checkConfig } from '../../agent/config/config.ts';
import { agentSettingsSchema, type AgentSettings } from '../../agent/settings.ts';
import { parseSettings } from '../../common/runtime/settings.ts';
import { AUTHORITY_FILE } from '../support/certificates.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const parse = (text: string): AgentSettings => parseSettings({ file: 'agent.yaml', text }, agentSettingsSchema, {});
const BLOB = (file: string): string =>
  `coordinator: { kind: blob, container: forewarn, connectionStringFile: ${file} }\n`;
const SCHEDULER = (more: string): string => `scheduler: { url: 'https://127.0.0.1:1', ${more} }\n`;

it('files that the agent can read and understand are no problem, nor a token that has been used', async () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'secret');
  writeFileSync(file, 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=b\n');
  await assertFiles(parse(BLOB(file)));
  await assertFiles(parse(SCHEDULER(`ca: ${AUTHORITY_FILE}, enrolmentTokenFile: /nowhere`)));
  await assertFiles(parse(''));
});

it('every file that cannot be used is named, with its setting and what is wrong', async () => {
  const folder = temporaryFolder();
  const written = (name: string, text: string): string => {
    writeFileSync(path.join(folder, name), text);
    return path.join(folder, name);
  };
  const problemsOf = async (text: string): Promise<string[]> => {
    const error: unknown = await assertFiles(parse(text)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'FILE_UNUSABLE', exitStatus: 2 });
    return (error as Error).message.split('\n');
  };
  const noSecret = written('plain', 'hello');
  const noCertificate = written('ca.pem', 'hello');
  const empty = written('empty', '\n');
  expect(await problemsOf(BLOB('/nowhere'))).toEqual([
    expect.stringMatching(/^coordinator\.connectionStringFile: cannot read \/nowhere: ENOENT/),
  ]);
  expect(await problemsOf(BLOB(noSecret))).toEqual([
    expect.stringContaining(`coordinator.connectionStringFile: ${noSecret} holds no connection string`),
  ]);
  const others = `http: { listen: '127.0.0.1:1', tokenFile: ${empty} }
notifications: [{ url: 'http://127.0.0.1:1/' }, { urlFile: /nowhere }]
`;
  expect(await problemsOf(SCHEDULER(`ca: ${noCertificate}`) + others)).toEqual([
    expect.stringContaining(`scheduler.ca: ${noCertificate} holds no certificate`),
    `http.tokenFile: ${empty} is empty`,
    expect.stringMatching(/^notifications\[1\]\.urlFile: cannot read \/nowhere: ENOENT/),
  ]);
});

it('forewarn agent config --check looks into them, relative to the settings', async () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'agent.yaml');
  writeFileSync(file, `${BLOB('./secret')}hooks: { folder: ./hooks.d }\n`);
  const context = {
    environment: {},
    terminal: { print: () => {}, printError: () => {}, hasColor: false },
    cliFile: 'cli.ts',
  };
  await expect(checkConfig(context, file, false)).rejects.toThrow(
    new RegExp(`^hooks.folder: .*\ncoordinator.connectionStringFile: cannot read ${path.join(folder, 'secret')}`),
  );
  writeFileSync(file, BLOB('./secret'));
  writeFileSync(path.join(folder, 'secret'), 'UseDevelopmentStorage=true');
  await checkConfig(context, file, false);
});
