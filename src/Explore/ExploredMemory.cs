namespace PageTableEmu.Explore;

/// <summary>The shared memory of an explored program: what is brought back before each execution.</summary>
/// <example>
/// <code>
/// /// One number is all there is to bring back.
/// sealed class OneWord : ExploredMemory
/// {
///     private readonly WordMemory words = new(1);
///     private ulong saved;
///
///     public override void Save() =&gt; saved = words[0];
///     public override void Restore() =&gt; words[0] = saved;
///     public override bool Contains(nuint address) =&gt; words.Contains(address);
///     public override ulong OffsetOf(nuint address) =&gt; words.OffsetOf(address);
/// }
/// </code>
/// </example>
public abstract class ExploredMemory
{
    /// <summary>Pages that the memory distinguishes for accesses to whole contents; 0 when it has none.</summary>
    public virtual int PageCount => 0;

    /// <summary>Remembers the state of now as the one that executions begin with.</summary>
    public abstract void Save();

    /// <summary>Brings the remembered state back.</summary>
    public abstract void Restore();

    /// <summary>Whether an address lies in this memory. What lies elsewhere is private to its actor.</summary>
    public abstract bool Contains(nuint address);

    /// <summary>What an address is in every process, for checkpoints.</summary>
    public abstract ulong OffsetOf(nuint address);

    /// <summary>The page of an address, -1 for none.</summary>
    public virtual int PageOf(nuint address) => -1;

    /// <summary>Told of every write to a page.</summary>
    /// <param name="page">A page, from 0.</param>
    public virtual void NoteWrite(int page)
    {
    }
}
