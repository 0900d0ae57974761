/** Why a VM is out that nothing keeps out any more; the command line knows it without loading what decides. */
export const COMING_BACK = 'coming back';
