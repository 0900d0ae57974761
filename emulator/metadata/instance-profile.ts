/** What the owner of a VM chose when it was made; only its metadata shows it. */
export interface InstanceProfile {
  /** `Standard_D2s_v5` */
  readonly size: string;
  readonly osType: 'Linux' | 'Windows';
  readonly image: ImageReference;
  readonly plan: { readonly name: string; readonly product: string; readonly publisher: string };
  /** Empty for an ordinary VM that nobody gave one. */
  readonly priority: '' | 'Regular' | 'Low' | 'Spot';
  readonly evictionPolicy: '' | 'Deallocate' | 'Delete';
  readonly licenseType: string;
  readonly adminUsername: string;
  readonly publicKeys: readonly { readonly path: string; readonly keyData: string }[];
  /** As it was given; sent in base64. */
  readonly userData: string;
  readonly osDiskSizeGb: number;
  readonly dataDisks: readonly { readonly name: string; readonly sizeGb: number }[];
  readonly security: {
    readonly type: '' | 'TrustedLaunch' | 'ConfidentialVM';
    readonly secureBoot: boolean;
    readonly virtualTpm: boolean;
    readonly encryptionAtHost: boolean;
  };
}

export interface ImageReference {
  readonly publisher: string;
  readonly offer: string;
  readonly sku: string;
  readonly version: string;
}

/** A plain Linux VM from the gallery. */
export const DEFAULT_PROFILE: InstanceProfile = {
  size: 'Standard_D2s_v5',
  osType: 'Linux',
  image: { publisher: 'debian', offer: 'debian-13', sku: '13-gen2', version: 'latest' },
  plan: { name: '', product: '', publisher: '' },
  priority: '',
  evictionPolicy: '',
  licenseType: '',
  adminUsername: 'azureuser',
  publicKeys: [],
  userData: '',
  osDiskSizeGb: 30,
  dataDisks: [],
  security: { type: '', secureBoot: false, virtualTpm: false, encryptionAtHost: false },
};
