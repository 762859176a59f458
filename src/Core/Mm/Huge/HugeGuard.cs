using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Huge;

/// <summary>The level-2 entry of an address with its table locked (the kernel's pmd_lock). Dispose it to unlock.</summary>
public readonly ref struct HugeGuard<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly PageTables<TArch, TModel> tables;
    private readonly ref ulong word;

    internal HugeGuard(PageTables<TArch, TModel> tables, uint table, ulong virtualAddress)
    {
        this.tables = tables;
        Table = table;
        First = virtualAddress & ~(HugePages<TArch, TModel>.Span - 1);
        word = ref tables.Entry(table, virtualAddress, 2);
        tables.Lock(table);
    }

    /// <summary>The level-2 table; 0 when there is none.</summary>
    public uint Table { get; }

    /// <summary>First address that the entry covers.</summary>
    public ulong First { get; }

    /// <summary>The entry; none when there is no table.</summary>
    public Pte Value => Table == 0 ? default : PageTables<TArch, TModel>.Load(ref word);

    /// <summary>Whether the entry is a huge leaf.</summary>
    public bool IsLeaf => TArch.IsLeaf(Value, 2);

    /// <summary>Whether the entry is that of a huge page under way to another block.</summary>
    public bool IsMigration => HugePages<TArch, TModel>.IsMigration(Value);

    /// <summary>First frame of the leaf's block; 0 of the huge zero page.</summary>
    public uint Head => HugePages<TArch, TModel>.HeadOf(Value);

    /// <summary>Changes bits of the leaf, or puts a table or another leaf in its place.</summary>
    public void Set(Pte entry) => PageTables<TArch, TModel>.Store(ref word, entry);

    /// <summary>As <see cref="Set"/>, and returns what the entry was: a full fence, for who looks at references or pins after it.</summary>
    public Pte Exchange(Pte entry) => PageTables<TArch, TModel>.Exchange(ref word, entry);

    /// <summary>Unlocks the table, if there is one.</summary>
    public void Dispose()
    {
        if (Table != 0)
            tables.Unlock(Table);
    }
}
