namespace PageTableEmu.Atomics;

/// <content>Pages that userfaultfd moves to another address.</content>
public partial interface IModel
{
    /// <summary>
    /// Whether a move of a swap entry verifies the folio that it found in the swap cache after it was locked (0ea148a79919, since 6.16). False: the
    /// slot may have got another page meanwhile, whose place in the reverse map is changed then.
    /// </summary>
    static virtual bool MoveVerifiesFolio => true;

    /// <summary>
    /// Whether a move of a swap entry that found no folio in the swap cache looks at the slot again with both tables locked (0ea148a79919, since
    /// 6.16). False: the page may have come in and gone out to the same slot; its folio is in the cache and stays at the old place of the reverse
    /// map.
    /// </summary>
    static virtual bool MoveRechecksSlot => true;
}
