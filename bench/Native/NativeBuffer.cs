using System.Runtime.InteropServices;

namespace PageTableEmu.Bench.Native;

/// <summary>Memory that stays in its place, for both sides of a row: 64-byte aligned, zeroed.</summary>
// Safe: the memory lives until Dispose, and the span is as long as it.
internal sealed unsafe class NativeBuffer<T> : IDisposable
    where T : unmanaged
{
    internal NativeBuffer(int length)
    {
        Length = length;
        Pointer = (T*)NativeMemory.AlignedAlloc((nuint)length * (nuint)sizeof(T), 4096);
        Span.Clear();
    }

    internal int Length { get; }

    internal T* Pointer { get; }

    internal Span<T> Span => new(Pointer, Length);

    public void Dispose() => NativeMemory.AlignedFree(Pointer);
}
