import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalName, subjectHash } from '../../../common/agreement/names.ts';

describe('canonicalName', () => {
  it('gives one name for what 2017-03-01 and later versions call the same VM', () => {
    expect(canonicalName('_MyVm')).toBe(canonicalName('myvm'));
  });

  it('takes away one underscore only, because a name may begin with its own', () => {
    expect(canonicalName('__vm')).toBe('_vm');
  });
});

describe('subjectHash', () => {
  const subject = { eventId: '4CAEA225-A741-474D-A72E-428C86FCD853', eventType: 'Reboot', resources: ['a_0', 'a_1'] };

  it('does not depend on order, case, repetition or the underscore', () => {
    expect(subjectHash({ ...subject, eventId: subject.eventId.toLowerCase(), resources: ['_A_1', 'a_0', 'A_0'] })).toBe(
      subjectHash(subject),
    );
  });

  it('differs when the event, its type or its VMs differ', () => {
    const others = [
      { ...subject, eventId: 'x' },
      { ...subject, eventType: 'Freeze' },
      { ...subject, resources: ['a_0'] },
      { ...subject, resources: ['a_0', 'a_1', 'a_2'] },
    ];
    expect(new Set([subject, ...others].map(subjectHash)).size).toBe(5);
  });

  it('never confuses two sets of names, whatever characters are in them', () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 4, selector: canonicalName });
    fc.assert(
      fc.property(names, names, (first, second) => {
        const key = (list: string[]): string => JSON.stringify(list.map(canonicalName).toSorted());
        const isSame = subjectHash({ ...subject, resources: first }) === subjectHash({ ...subject, resources: second });
        expect(isSame).toBe(key(first) === key(second));
      }),
    );
  });
});
