import { z } from 'zod';
import { DEFAULT_PROFILE, type InstanceProfile } from '../metadata/instance-profile.ts';

const image = DEFAULT_PROFILE.image;
const security = DEFAULT_PROFILE.security;
/** Azure's limit for user data (Azure docs, "User data for Azure Virtual Machine"). */
const MAX_USER_DATA = 64 * 1024;
/** Azure attaches at most 64 data disks to its largest sizes. */
const MAX_DATA_DISKS = 64;

/** `instance:` of a VM, a role or a scale set in a fleet file: what `/metadata/instance` says of it. */
export const instanceSchema = z.strictObject({
  size: z.string().min(1).default(DEFAULT_PROFILE.size),
  osType: z.enum(['Linux', 'Windows']).default(DEFAULT_PROFILE.osType),
  image: z
    .strictObject({
      publisher: z.string().default(image.publisher),
      offer: z.string().default(image.offer),
      sku: z.string().default(image.sku),
      version: z.string().default(image.version),
    })
    .prefault({}),
  plan: z
    .strictObject({ name: z.string().default(''), product: z.string().default(''), publisher: z.string().default('') })
    .prefault({}),
  priority: z.enum(['', 'Regular', 'Low', 'Spot']).default(DEFAULT_PROFILE.priority),
  evictionPolicy: z.enum(['', 'Deallocate', 'Delete']).default(DEFAULT_PROFILE.evictionPolicy),
  licenseType: z.string().default(''),
  adminUsername: z.string().default(DEFAULT_PROFILE.adminUsername),
  publicKeys: z.array(z.strictObject({ path: z.string(), keyData: z.string() })).default([]),
  /** As text; the VM gets it in base64. */
  userData: z.string().max(MAX_USER_DATA).default(''),
  osDiskSizeGB: z.int().min(1).default(DEFAULT_PROFILE.osDiskSizeGb),
  dataDisks: z
    .array(z.strictObject({ name: z.string().min(1), sizeGB: z.int().min(1) }))
    .max(MAX_DATA_DISKS)
    .default([]),
  security: z
    .strictObject({
      type: z.enum(['', 'TrustedLaunch', 'ConfidentialVM']).default(security.type),
      secureBoot: z.boolean().default(security.secureBoot),
      virtualTpm: z.boolean().default(security.virtualTpm),
      encryptionAtHost: z.boolean().default(security.encryptionAtHost),
    })
    .prefault({}),
});

/** The same under the names of the metadata service. */
export function profileOf(found: z.output<typeof instanceSchema>): InstanceProfile {
  const { osDiskSizeGB, dataDisks, ...rest } = found;
  return {
    ...rest,
    osDiskSizeGb: osDiskSizeGB,
    dataDisks: dataDisks.map(({ name, sizeGB }) => ({ name, sizeGb: sizeGB })),
  };
}
