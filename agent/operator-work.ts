/** The operator's own drain among the maintenance of this VM; nobody else is told of it. */
export const OPERATOR_WORK = 'operator';
