namespace PageTableEmu.Reclaim.Migration;

/// <summary>
/// A locked folio whose page-table entries are migration entries, between <see cref="Migrator{TArch, TModel}.TryBegin"/> and
/// <see cref="Migrator{TArch, TModel}.TryComplete"/> or <see cref="Migrator{TArch, TModel}.Undo"/>: how to find the entries again when the folio
/// itself no longer tells.
/// </summary>
/// <param name="Folio">The folio; its first frame, of a large one.</param>
/// <param name="AnonVma">The anon_vma that leads to the entries, with a reference; 0 when none does.</param>
/// <param name="SharedObject">The shared object that the page belongs to; 0 when none.</param>
/// <param name="Index">Linear page index, or page of the object.</param>
public readonly record struct DisplacedFolio(uint Folio, uint AnonVma, uint SharedObject, ulong Index);
