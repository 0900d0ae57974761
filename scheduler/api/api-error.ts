/**
 * A refusal in the form of Azure's resource manager: status, and `{"error":{"code","message"}}`. Codes and texts are those
 * recorded from the real service where there is a recording.
 */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
  }
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}

/** A quota is used up, or the resource is in a state that does not allow this. */
export function conflict(message: string): ApiError {
  return new ApiError(409, 'Conflict', message);
}

export function jobNotFound(job: string): ApiError {
  return new ApiError(404, 'NotFound', `Job '${job}' cannot be found.`);
}

export function collectionNotFound(collection: string, resourceGroup: string): ApiError {
  return new ApiError(
    404,
    'ResourceNotFound',
    `The Resource 'Microsoft.Scheduler/jobcollections/${collection}' under resource group '${resourceGroup}' was not found.`,
  );
}
