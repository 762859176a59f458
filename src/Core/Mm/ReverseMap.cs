using PageTableEmu.Atomics;

namespace PageTableEmu.Mm;

/// <summary>Signatures; the bodies are the next commit.</summary>
public sealed class ReverseMap<TModel>
    where TModel : IModel
{
    /// <summary>Makes a view.</summary>
    public ReverseMap(Vmas<TModel> vmas)
    {
        ArgumentNullException.ThrowIfNull(vmas);
    }

    /// <summary>The root of an anon_vma's family.</summary>
    public uint AnonVmaRoot(uint anonVma) => throw new NotSupportedException();

    /// <summary>
    /// Locks the reverse map of a mapped anonymous frame; returns its anon_vma, to be given to <see cref="Unlock"/>. 0: the frame is not
    /// (or no longer) a mapped anonymous one, nothing is locked.
    /// </summary>
    public uint Lock(uint frame) => throw new NotSupportedException();

    /// <summary>As <see cref="Lock"/>, but does not wait: 0 with <paramref name="busy"/> when somebody holds the lock.</summary>
    public uint TryLock(uint frame, out bool busy) => throw new NotSupportedException();

    /// <summary>Ends <see cref="Lock"/>, <see cref="TryLock"/>, <see cref="LockAnonVma"/>.</summary>
    public void Unlock(uint anonVma) => throw new NotSupportedException();

    /// <summary>Locks the family of an anon_vma that cannot go away meanwhile (the caller holds the mmap_lock of a VMA that has it).</summary>
    public void LockAnonVma(uint anonVma) => throw new NotSupportedException();

    /// <summary>The places where a frame may be mapped, in the kernel's order. The caller holds the lock of this anon_vma.</summary>
    public ReverseMapCandidates<TModel> Candidates(uint anonVma, ulong index) => throw new NotSupportedException();
}
