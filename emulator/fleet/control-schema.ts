import path from 'node:path';
import { z } from 'zod';
import { controlTlsOf, controlTlsSchema, type ControlTlsSettings } from './control-tls-schema.ts';
import { isLoopback, type ListenAddress } from '../../common/runtime/listen.ts';

/** Keys of a fleet file that say who may use the control API. */
export const controlAccessShape = {
  /** File with the secret that whoever uses the control API must show; relative to the fleet file. */
  controlToken: z.strictObject({ file: z.string().min(1) }).optional(),
  controlTls: controlTlsSchema.optional(),
  /** Names that it is reached by beside its own addresses: `emulator.test`, or `emulator.test:8000` behind another port. */
  controlHosts: z
    .array(
      z.string().regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?$/, {
        error: (issue) =>
          `expected a name like "emulator.test" or "emulator.test:8000", got ${JSON.stringify(issue.input)}`,
      }),
    )
    .default([]),
};

interface ControlSettings {
  readonly control: ListenAddress;
  readonly controlToken?: { readonly file: string } | undefined;
  readonly controlTls?: z.output<typeof controlTlsSchema> | undefined;
  readonly controlHosts: readonly string[];
}

/** Beyond loopback it needs a token, and TLS unless the operator says that he does without. */
export function checkControlAccess(settings: ControlSettings, context: z.core.$RefinementCtx): void {
  if (isLoopback(settings.control.host)) return;
  const issue = (message: string): void => {
    context.addIssue({ code: 'custom', path: ['control'], message });
  };
  if (settings.controlToken === undefined) {
    issue(
      'expected a loopback address, or controlToken: { file: PATH } beside it: whoever reaches the control API may kill VMs',
    );
  }
  if (settings.controlTls === undefined) {
    issue(
      'expected a loopback address, or controlTls beside it: { caFile: PATH }, or { certificate: PATH, key: PATH }; ' +
        'controlTls: off lets the token travel in clear text',
    );
  }
}

/** Who may use the control API, as the fleet says. */
export interface ControlAccessSettings {
  /** Absolute. */
  readonly tokenFile: string | undefined;
  readonly tls: ControlTlsSettings;
  readonly hosts: readonly string[];
}

export function controlAccessOf(settings: ControlSettings, folder: string): ControlAccessSettings {
  const { controlToken, controlTls } = settings;
  return {
    tokenFile: controlToken === undefined ? undefined : path.resolve(folder, controlToken.file),
    tls: controlTlsOf(controlTls, folder),
    hosts: settings.controlHosts,
  };
}
