using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Leaves;

/// <summary>
/// One level-1 entry whose table the caller has locked; made by <see cref="TableGuard{TArch, TModel}"/> and no longer valid when that ends.
/// Entries that are present, or become so from none, are changed here; all others only by <see cref="LeafOperations{TArch, TModel}"/>.
/// </summary>
public readonly ref struct Leaf<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly ref ulong word;

    internal Leaf(ref ulong word, ulong address)
    {
        this.word = ref word;
        Address = address;
    }

    /// <summary>Virtual address that the entry maps.</summary>
    public ulong Address { get; }

    /// <summary>The entry.</summary>
    public Pte Value => PageTables<TArch, TModel>.Load(ref word);

    /// <summary>
    /// Puts a present entry where none or a present one is: new bits for the old one, or the old one again. An entry that shows another frame, or
    /// begins to check tags, goes through <see cref="LeafOperations{TArch, TModel}.Publish"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// Checked models: the old entry remembers something, or the new one is not present, or it shows a frame whose metadata nobody defined.
    /// </exception>
    public void SetPresent(Pte entry)
    {
        if (TModel.Checked)
        {
            AssertPresentChange(entry);
            if (TArch.TagBytesPerPage != 0)
                AssertDefined(entry);
        }

        Store(entry);
    }

    /// <summary>As <see cref="SetPresent"/>, after the metadata of what the entry shows was defined.</summary>
    internal void SetDefined(Pte entry)
    {
        if (TModel.Checked)
            AssertPresentChange(entry);
        Store(entry);
    }

    /// <summary>The table in which the entry lies.</summary>
    internal uint FrameOfTable(PageTables<TArch, TModel> tables) => tables.TableOf(in word);

    /// <summary>Removes a present entry and returns it (ptep_get_and_clear): the caller now owns its mapping and reference.</summary>
    public Pte ClearPresent()
    {
        if (TModel.Checked && !TArch.IsPresent(Value, 1))
            throw new InvalidOperationException($"The entry {Value} at {Address:x} is not present.");
        return Exchange(default);
    }

    internal void Store(Pte entry) => PageTables<TArch, TModel>.Store(ref word, entry);

    internal Pte Exchange(Pte entry) => PageTables<TArch, TModel>.Exchange(ref word, entry);

    /// <summary>What checked tags before is defined; what did not, or shows another frame, may not be.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void AssertDefined(Pte entry)
    {
        Pte old = Value;
        bool same = TArch.IsPresent(old, 1) && TArch.ChecksTags(old) && TArch.FrameOf(old, 1) == TArch.FrameOf(entry, 1);
        if (TArch.ChecksTags(entry) && !same)
            throw new InvalidOperationException($"The entry {entry} for {Address:x} checks tags that nobody defined: use LeafOperations.Publish.");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void AssertPresentChange(Pte entry)
    {
        Pte old = Value;
        if (!TArch.IsPresent(entry, 1))
            throw new InvalidOperationException($"The entry {entry} for {Address:x} is not present.");
        if (!TArch.IsNone(old, 1) && !TArch.IsPresent(old, 1))
            throw new InvalidOperationException($"The entry {old} at {Address:x} remembers something that must be resolved or dropped first.");
    }
}
